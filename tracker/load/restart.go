package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// pauses are the times that a server took to stop and to start.
type pauses struct{ stop, start []time.Duration }

// String returns medians and maxima.
func (p pauses) String() string {
	tell := func(d []time.Duration) string {
		d = slices.Sorted(slices.Values(d))
		return fmt.Sprintf("%.0f ms (at most %.0f)", ms(d[len(d)/2]), ms(d[len(d)-1]))
	}
	return fmt.Sprintf("from SIGTERM to its end %s, from its start to the first answer %s", tell(p.stop), tell(p.start))
}

// restarts stops and starts a server with all its clients. Between two restarts some of
// them announce, so that each stop has something to write.
func restarts(ctx context.Context, o options, s *server, pop *population) (p pauses, err error) {
	few := o
	few.warmup, few.duration = 0, time.Second
	for i := range o.restarts {
		if i > 0 {
			if _, err := measure(ctx, few, s, pop, keepAlive); err != nil {
				return p, err
			}
		}
		stop, err := s.terminate()
		if err != nil {
			return p, err
		}
		start, err := s.again(ctx, pop)
		if err != nil {
			return p, err
		}
		p.stop, p.start = append(p.stop, stop), append(p.start, start)
	}
	return p, nil
}

// terminate stops the server and returns how long that took.
func (s *server) terminate() (time.Duration, error) {
	begun := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	kill := time.AfterFunc(stopLimit, func() { _ = s.cmd.Process.Kill() }) // it may have ended
	err := s.cmd.Wait()
	took := time.Since(begun)
	if !kill.Stop() {
		return took, fmt.Errorf("it did not stop within %v", stopLimit)
	}
	if err != nil {
		return took, fmt.Errorf("it did not stop in order: %w", err)
	}
	return took, nil
}

// again starts the server again and returns how long it took until an announce was
// answered.
func (s *server) again(ctx context.Context, pop *population) (took time.Duration, err error) {
	log, err := os.OpenFile(filepath.Join(s.cmd.Dir, "log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }() // the server has its own handle
	old := s.cmd
	s.cmd = exec.Command(old.Path, old.Args[1:]...) //nolint:gosec,noctx // as at first
	s.cmd.Env, s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = old.Env, old.Dir, log, log
	begun := time.Now()
	if err := s.cmd.Start(); err != nil {
		return 0, err
	}
	request := pop.request(nil, s, 0, "", true)
	for {
		err := s.ask(ctx, request)
		took := time.Since(begun)
		if err == nil {
			return took, nil
		}
		if took > startLimit || ctx.Err() != nil {
			return 0, fmt.Errorf("it does not answer: %w\n%s", err, tail(log.Name()))
		}
		time.Sleep(time.Millisecond)
	}
}

// ask sends one request over a connection of its own and checks the answer.
func (s *server) ask(ctx context.Context, request []byte) (err error) {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", s.addr.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // everything was read, or nothing counts
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	body, whole, err := split(answer)
	if err != nil {
		return err
	}
	if !whole {
		return errors.New("half an answer")
	}
	return check(body)
}

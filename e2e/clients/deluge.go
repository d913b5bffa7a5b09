package clients

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

//go:embed deluge.py
var delugeScript string

// Deluge is a deluged on a host of the lab.
//
// It announces as libtorrent does (see LibTorrent), but listens on IPv4 alone
// unless it is told otherwise; then it can't reach a tracker that has IPv6 only.
type Deluge struct {
	*process
	speaker *process // runs delugeScript
	input   io.WriteCloser

	mu    sync.Mutex // one call at a time
	calls int
}

// StartDeluge starts a daemon that keeps its settings in dir and data in
// downloads.
func StartDeluge(ctx context.Context, h *netns.Host, dir, downloads string) (*Deluge, error) {
	const user, password, port = "tester", "only for this test", 58846
	settings, err := json.Marshal(map[string]any{
		"download_location": downloads, "listen_ports": []int{6881, 6881}, "random_port": false,
		// Deluge adds the port to what it is told, so this is a list of two.
		"listen_interface": "[" + h.IP6.String() + "]:6881," + h.IP.String(),
		"daemon_port":      port, "dht": false, "lsd": false, "upnp": false, "natpmp": false, "utpex": false,
		"new_release_check": false, "max_active_seeding": -1, "max_active_downloading": -1, "max_active_limit": -1,
	})
	err = errors.Join(err,
		os.WriteFile(filepath.Join(dir, "core.conf"), append([]byte(`{"file": 1, "format": 1}`), settings...), 0o600),
		os.WriteFile(filepath.Join(dir, "auth"), []byte(user+":"+password+":10\n"), 0o600))
	if err != nil {
		return nil, err
	}
	d := &Deluge{}
	daemon := h.Command(ctx, python, "-I", "/usr/bin/deluged", "--do-not-daemonize", "--config", dir)
	daemon.Env = homeIn(dir)
	if d.process, err = start(daemon); err != nil {
		return nil, err
	}
	speak := h.Command(ctx, python, "-I", "-c", delugeScript, fmt.Sprint(port), user, password)
	if d.input, err = speak.StdinPipe(); err != nil {
		return nil, err
	}
	if d.speaker, err = start(speak); err != nil {
		return nil, err
	}
	_, err = d.answer(ctx)
	return d, err
}

// answer returns the next thing that the script says.
func (d *Deluge) answer(ctx context.Context) (result json.RawMessage, err error) {
	err = until(ctx, "deluged does not answer", func() (bool, error) {
		said := strings.SplitAfter(d.speaker.out.String(), "\n")
		if len(said) <= d.calls+1 { // the last one has not ended yet
			if d.ended() || d.speaker.ended() {
				return false, errors.New("it ended")
			}
			return false, nil
		}
		var answer struct {
			Result json.RawMessage
			Error  string
		}
		err := json.Unmarshal([]byte(said[d.calls]), &answer)
		if err == nil && answer.Error != "" {
			err = errors.New(answer.Error)
		}
		result = answer.Result
		d.calls++
		return true, err
	})
	if err != nil {
		err = fmt.Errorf("%w\n%s\n%s", err, d.speaker.out.String(), d.out.String())
	}
	return result, err
}

// call makes one call. data takes the place of a nil among the arguments.
func (d *Deluge) call(ctx context.Context, method string, out any, data []byte, arguments ...any) error {
	order, err := json.Marshal([]any{method, arguments, base64.StdEncoding.EncodeToString(data)})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.input.Write(append(order, '\n')); err != nil {
		return err
	}
	result, err := d.answer(ctx)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(result, out)
}

// Add implements Client.
func (d *Deluge) Add(ctx context.Context, torrent []byte) (id string, err error) {
	file := base64.StdEncoding.EncodeToString(torrent)
	return id, d.call(ctx, "core.add_torrent_file", &id, []byte(file), "dataset.torrent", nil, map[string]any{})
}

// delugeStatus is what the daemon says of a torrent.
type delugeStatus struct {
	State    string
	Message  string
	Seeding  bool  `json:"is_seed"`
	Uploaded int64 `json:"total_payload_upload"`
	Done     int64 `json:"total_done"`
}

func (d *Deluge) status(ctx context.Context, id string) (st delugeStatus, err error) {
	keys := []string{"state", "message", "is_seed", "total_payload_upload", "total_done"}
	err = d.call(ctx, "core.get_torrent_status", &st, nil, id, keys)
	if err == nil && st.State == "Error" {
		err = fmt.Errorf("deluge: %s", st.Message)
	}
	return st, err
}

// Figures implements Client.
func (d *Deluge) Figures(ctx context.Context, id string) (Figures, error) {
	st, err := d.status(ctx, id)
	return st.figures(), err
}

func (st delugeStatus) figures() Figures {
	return Figures{Complete: st.Seeding && st.State != "Checking", Uploaded: st.Uploaded, Downloaded: st.Done}
}

// Stop implements Client.
func (d *Deluge) Stop(ctx context.Context, id string) (f Figures, err error) {
	if err := d.call(ctx, "core.pause_torrent", nil, nil, id); err != nil {
		return f, err
	}
	err = until(ctx, "deluge does not stop a torrent", func() (bool, error) {
		st, err := d.status(ctx, id)
		f = st.figures()
		return st.State == "Paused", err
	})
	return f, err
}

// Close implements Client.
func (d *Deluge) Close(ctx context.Context) error {
	return errors.Join(d.input.Close(), d.speaker.wait(ctx), d.terminate(ctx))
}

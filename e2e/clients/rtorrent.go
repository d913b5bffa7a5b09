package clients

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// RTorrent is an rtorrent on a host of the lab. It knows only version 1 of the
// protocol, and reads hybrid torrents.
//
// It announces over one family: IPv6 when the tracker has both. Key and peer-id,
// which ends in raw bytes, differ for each torrent; there is no numwant. With
// pieces.hash.on_completion, its default, it may never send "completed".
type RTorrent struct {
	*process
	rpc string // where it speaks XML-RPC over SCGI
	log string
}

// StartRTorrent starts a program that keeps its files in dir and data in
// downloads.
func StartRTorrent(ctx context.Context, h *netns.Host, dir, downloads string) (*RTorrent, error) {
	rc := filepath.Join(dir, "rtorrent.rc")
	r := &RTorrent{rpc: net.JoinHostPort(h.IP.String(), "5000"), log: filepath.Join(dir, "rtorrent.log")}
	settings := fmt.Sprintf(`system.daemon.set = true
session.path.set = %q
directory.default.set = %q
network.scgi.open_port = %q
network.port_range.set = 6881-6881
dht.mode.set = disable
protocol.pex.set = no
trackers.use_udp.set = no
pieces.hash.on_completion.set = no
log.open_file = "log",(cat,%q)
log.add_output = "info","log"
log.add_output = "tracker_debug","log"
`, dir, downloads, r.rpc, r.log)
	if err := os.WriteFile(rc, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	var err error
	if r.process, err = start(h.Command(ctx, "rtorrent", "-n", "-o", "import="+rc)); err != nil {
		return nil, err
	}
	return r, r.untilReady(ctx, func() error {
		_, err := r.call(ctx, "system.pid", "")
		return err
	})
}

// Add implements Client.
func (r *RTorrent) Add(ctx context.Context, torrent []byte) (id string, err error) {
	if id, err = infoHash(torrent); err != nil {
		return "", err
	}
	id = strings.ToUpper(id)
	params := text("") + "<param><value><base64>" + base64.StdEncoding.EncodeToString(torrent) + "</base64></value></param>"
	if _, err := r.call(ctx, "load.raw_start", params); err != nil {
		return "", err
	}
	return id, until(ctx, "rtorrent does not take a torrent", func() (bool, error) {
		active, _ := r.number(ctx, "d.is_active", id) // unknown yet
		return active == 1, nil
	})
}

// Figures implements Client. rTorrent announces as downloaded what it has
// completed since it started the torrent.
func (r *RTorrent) Figures(ctx context.Context, id string) (Figures, error) {
	var ask [3]int64
	for i, method := range []string{"d.complete", "d.up.total", "d.completed_bytes"} {
		var err error
		if ask[i], err = r.number(ctx, method, id); err != nil {
			return Figures{}, err
		}
	}
	return Figures{Complete: ask[0] == 1, Uploaded: ask[1], Downloaded: ask[2]}, nil
}

// Stop implements Client.
func (r *RTorrent) Stop(ctx context.Context, id string) (Figures, error) {
	if _, err := r.call(ctx, "d.stop", text(id)); err != nil {
		return Figures{}, err
	}
	return r.Figures(ctx, id)
}

// Close implements Client. It leaves the swarms first.
func (r *RTorrent) Close(ctx context.Context) error { return r.terminate(ctx) }

func text(s string) string { return "<param><value><string>" + s + "</string></value></param>" }

func (r *RTorrent) number(ctx context.Context, method, id string) (int64, error) {
	value, err := r.call(ctx, method, text(id))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(value, 10, 64)
}

// call makes one call and returns the text of its value.
func (r *RTorrent) call(ctx context.Context, method, params string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.rpc)
	if err != nil {
		return "", err
	}
	deadline, _ := ctx.Deadline()
	body := "<?xml version=\"1.0\"?><methodCall><methodName>" + method + "</methodName><params>" + params + "</params></methodCall>"
	head := "CONTENT_LENGTH\x00" + strconv.Itoa(len(body)) + "\x00SCGI\x001\x00"
	_, err = fmt.Fprintf(conn, "%d:%s,%s", len(head), head, body)
	err = errors.Join(conn.SetDeadline(deadline), err)
	raw, rerr := io.ReadAll(io.LimitReader(conn, 1<<20))
	if err := errors.Join(err, rerr, conn.Close()); err != nil {
		return "", err
	}
	_, document, _ := strings.Cut(string(raw), "\r\n\r\n")
	var answer struct {
		Fault *struct{} `xml:"fault"`
		Value struct {
			Inner []struct {
				Text string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"params>param>value"`
	}
	if err := xml.Unmarshal([]byte(document), &answer); err != nil || answer.Fault != nil || len(answer.Value.Inner) != 1 {
		return "", fmt.Errorf("rtorrent %s: %w: %s", method, err, raw)
	}
	return answer.Value.Inner[0].Text, nil
}

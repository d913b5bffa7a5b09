package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// RTorrent is an rtorrent that fetches one torrent on a host of the lab. It
// knows only version 1 of the protocol, and reads hybrid torrents.
type RTorrent struct {
	*process
	finished string // a file that it makes when the download is complete
	log      string
}

// StartRTorrent starts a download into downloads. dir is for its own files.
func StartRTorrent(ctx context.Context, h *netns.Host, dir, downloads string, torrent []byte) (*RTorrent, error) {
	file, rc := filepath.Join(dir, "rtorrent.torrent"), filepath.Join(dir, "rtorrent.rc")
	r := &RTorrent{finished: filepath.Join(dir, "finished"), log: filepath.Join(dir, "rtorrent.log")}
	settings := fmt.Sprintf(`system.daemon.set = true
session.path.set = %q
directory.default.set = %q
network.bind_address.set = %s
network.port_range.set = 6881-6881
dht.mode.set = disable
protocol.pex.set = no
trackers.use_udp.set = no
pieces.hash.on_completion.set = no
method.set_key = event.download.finished,mark,"execute2=touch,%s"
schedule2 = load,1,0,((load.start,(cat,%q)))
log.open_file = "log",(cat,%q)
log.add_output = "info","log"
log.add_output = "tracker_debug","log"
`, dir, downloads, h.IP, r.finished, file, r.log)
	err := errors.Join(os.WriteFile(file, torrent, 0o600), os.WriteFile(rc, []byte(settings), 0o600))
	if err != nil {
		return nil, err
	}
	r.process, err = start(h.Command(ctx, "rtorrent", "-n", "-o", "import="+rc))
	return r, err
}

// WaitComplete returns when the download is complete.
func (r *RTorrent) WaitComplete(ctx context.Context) error {
	err := until(ctx, "rtorrent does not complete its download", func() (bool, error) {
		if r.ended() {
			return false, fmt.Errorf("rtorrent ended: %w\n%s", r.err, r.out.String())
		}
		_, err := os.Stat(r.finished)
		return err == nil, nil
	})
	if err == nil {
		return nil
	}
	log, lerr := os.ReadFile(r.log)
	return errors.Join(fmt.Errorf("%w; it said:\n%s", err, log), lerr)
}

// Close leaves the swarm.
func (r *RTorrent) Close(ctx context.Context) error { return r.terminate(ctx) }

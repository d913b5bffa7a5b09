package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// KTorrent is a ktorrent on a host of the lab, with a display that nobody looks at
// and a session bus of its own, by which it is driven.
//
// It announces over one family: IPv6 when the tracker has both. Peer-id and key
// differ for each torrent. A peer-id has a head of nine characters and then a blank
// ("-KT22123- "). It sends the address that it believes to have as ip=. It counts
// what it has sent a few times a second, and leaves out what it sent to a peer that
// has left since: it reports less than others received.
type KTorrent struct {
	*process
	display, bus *process
	address, dir string
}

// StartKTorrent starts a program that keeps its settings in dir and data in
// downloads, which is its home folder: there it puts what it takes without asking.
func StartKTorrent(ctx context.Context, h *netns.Host, dir, downloads string) (*KTorrent, error) {
	const settings = `[downloads]
dhtSupport=false
downloadBandwidth=0
lookUpHostnameOfPeers=false
maxDownloads=0
maxSeeds=0
openAllTorrentsSilently=true
pexEnabled=false
port=6881
showPopups=false
showSystemTrayIcon=false
suppressSleep=false
utpEnabled=false
webseedsEnabled=false
`
	if err := os.WriteFile(filepath.Join(dir, "ktorrentrc"), []byte(settings), 0o600); err != nil {
		return nil, err
	}
	k := &KTorrent{address: "unix:path=" + filepath.Join(dir, "bus"), dir: dir}
	env := append(homeIn(dir), "HOME="+downloads, "DBUS_SESSION_BUS_ADDRESS="+k.address)
	bus := h.Command(ctx, "dbus-daemon", "--session", "--nofork", "--nopidfile", "--address="+k.address)
	bus.Env = env
	var err error
	if k.bus, err = start(bus); err != nil {
		return nil, err
	}
	if k.display, err = start(h.Command(ctx, "Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "800x600x24")); err != nil {
		return nil, err
	}
	var number string
	err = k.display.untilReady(ctx, func() error {
		for line := range strings.Lines(k.display.out.String()) {
			if _, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				number = strings.TrimSpace(line)
				return nil
			}
		}
		return errors.New("no display yet")
	})
	if err != nil {
		return nil, err
	}
	program := h.Command(ctx, "ktorrent")
	program.Env = slices.Concat(env, []string{"DISPLAY=:" + number})
	program.WaitDelay = time.Second // its helpers keep its output open
	if k.process, err = start(program); err != nil {
		return nil, err
	}
	return k, k.untilReady(ctx, func() error {
		_, err := k.call(ctx, "/core", "org.ktorrent.core.dataDir")
		return err
	})
}

// call calls a method on the bus and returns what it answers as text.
func (k *KTorrent) call(ctx context.Context, object, method string, arguments ...string) (string, error) {
	args := append([]string{"--bus=" + k.address, "--print-reply=literal", "--dest=org.kde.ktorrent", object, method}, arguments...)
	out, err := exec.CommandContext(ctx, "dbus-send", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ktorrent %s: %w: %s", method, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Add implements Client.
func (k *KTorrent) Add(ctx context.Context, torrent []byte) (id string, err error) {
	if id, err = infoHash(torrent); err != nil {
		return "", err
	}
	file := filepath.Join(k.dir, id+".torrent")
	if err := os.WriteFile(file, torrent, 0o600); err != nil {
		return "", err
	}
	if _, err := k.call(ctx, "/core", "org.ktorrent.core.loadSilently", "string:file://"+file, "string:"); err != nil {
		return "", err
	}
	return id, until(ctx, "ktorrent does not take a torrent", func() (bool, error) {
		list, err := k.call(ctx, "/core", "org.ktorrent.core.torrents")
		return strings.Contains(list, id), err
	})
}

// Figures implements Client.
func (k *KTorrent) Figures(ctx context.Context, id string) (f Figures, err error) {
	var left int64
	for method, to := range map[string]*int64{"bytesLeft": &left, "bytesUploaded": &f.Uploaded, "bytesDownloaded": &f.Downloaded} {
		said, err := k.call(ctx, "/torrent/"+id, "org.ktorrent.torrent."+method)
		if err != nil {
			return f, err
		}
		if *to, err = strconv.ParseInt(strings.TrimPrefix(said, "uint64 "), 10, 64); err != nil {
			return f, fmt.Errorf("ktorrent %s: %w", method, err)
		}
	}
	f.Complete = left == 0
	return f, nil
}

// Stop implements Client.
func (k *KTorrent) Stop(ctx context.Context, id string) (f Figures, err error) {
	if _, err := k.call(ctx, "/core", "org.ktorrent.core.stop", "string:"+id); err != nil {
		return f, err
	}
	return k.Figures(ctx, id)
}

// Close implements Client.
func (k *KTorrent) Close(ctx context.Context) error {
	return errors.Join(k.terminate(ctx), k.display.terminate(ctx), k.bus.terminate(ctx))
}

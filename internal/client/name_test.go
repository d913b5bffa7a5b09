package client_test

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/client"
)

func TestName(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"-TR4060-xxxxxxxxxxxx": "Transmission 4.0.6", "-TR3000-xxxxxxxxxxxx": "Transmission 3.00", "-TR2940-xxxxxxxxxxxx": "Transmission 2.94",
		"-TR410Z-xxxxxxxxxxxx": "Transmission 4.1.0", "-qB4650-xxxxxxxxxxxx": "qBittorrent 4.6.5", "-qB5A10-xxxxxxxxxxxx": "qBittorrent 5.10.1",
		"-DE211s-xxxxxxxxxxxx": "Deluge 2.1.1", "-lt0D80-xxxxxxxxxxxx": "rTorrent, libtorrent 0.13.8", "-LT20B1-xxxxxxxxxxxx": "libtorrent 2.0.11.1",
		"-KT5100-xxxxxxxxxxxx": "KTorrent 5.1.0", "A2-1-36-0-xxxxxxxxxx": "aria2 1.36.0", "A2-1-x-0-xxxxxxxxxxx": "A2-1-x-0",
		"-ZZ1234-xxxxxxxxxxxx": "-ZZ1234-", "-TR~~~~-xxxxxxxxxxxx": "Transmission", "M7-9-2\x00\x00xxxxxxxxxxxx": "M7-9-2",
		"\x00\x01xxxxxxxxxxxxxxxxxx": "unknown", "plain ordinary textx": "plain",
	} {
		if got := client.Name([20]byte([]byte(id))); got != want {
			t.Errorf("%q is %q, want %q", id, got, want)
		}
	}
}

func TestSpelled(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"qbittorrent 5": "qBittorrent 5", " QBITT ": "qBitt", "qBittorrent 5.0": "qBittorrent 5.0", "ARIA2 1.3": "aria2 1.3", "transmission": "Transmission",
		"-ZZ1": "-ZZ1", "": "", "µtorrent": "µTorrent", "\xc2": "\xc2",
	} {
		if got := client.Spelled(name); got != want {
			t.Errorf("%q is spelled %q, want %q", name, got, want)
		}
	}
}

package client

import (
	"maps"
	"slices"
	"strings"
)

// programs names clients by the two letters of their peer-id (BEP 20: -XX1234-).
var programs = map[string]string{
	"AZ": "Vuze", "BI": "BiglyBT", "BT": "BitTorrent", "DE": "Deluge", "FD": "Free Download Manager", "FW": "FrostWire", "GT": "anacrolix/torrent",
	"KT": "KTorrent", "LT": "libtorrent", "TR": "Transmission", "TX": "Tixati", "UM": "µTorrent for Mac", "UT": "µTorrent", "UW": "µTorrent Web",
	"WW": "WebTorrent", "XL": "Xunlei", "lt": "rTorrent, libtorrent", "qB": "qBittorrent",
}

// Name is what people call the client with a peer-id, such as "Transmission 4.0.6".
// An unknown one is shown by the beginning of its peer-id, and one without readable
// characters as "unknown".
func Name(peerID [20]byte) string {
	id := string(peerID[:])
	if version, ok := strings.CutPrefix(id, "A2-"); ok { // A2-1-37-0-
		parts := strings.SplitN(version, "-", 4)
		if len(parts) == 4 && isVersion(parts[0]) && isVersion(parts[1]) && isVersion(parts[2]) {
			return "aria2 " + strings.Join(parts[:3], ".")
		}
	}
	if id[0] == '-' && id[7] == '-' {
		if name, ok := programs[id[1:3]]; ok {
			return strings.TrimSpace(name + " " + dotted(id[1:3], id[3:7]))
		}
	}
	return visible(id[:8])
}

// Spelled is the beginning of a client's name as Name writes it: "qbittorrent 5" is
// "qBittorrent 5". What is no client's beginning stays as it is.
func Spelled(name string) string {
	name = strings.TrimSpace(name)
	for _, p := range append(slices.Collect(maps.Values(programs)), "aria2") {
		n := min(len(p), len(name))
		if n > 0 && strings.EqualFold(p[:n], name[:n]) && !strings.HasPrefix(p, name[:n]) {
			return p[:n] + name[n:]
		}
	}
	return name
}

// dotted reads the four characters of a version: each is one part of it, and letters
// from A on mean 10 and more.
func dotted(program, signs string) string {
	if program == "TR" && signs[0] < '4' { // Transmission 2.94 and 3.00 are 2940 and 3000
		return signs[:1] + "." + signs[1:3]
	}
	var parts []string
	for i, c := range []byte(signs) {
		n := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
		if n < 0 || i == 3 && (n == 0 || n > 9) { // the last is a zero, or tells a kind of build
			break
		}
		part := string(c)
		if n > 9 {
			part = string([]byte{byte('0' + n/10), byte('0' + n%10)})
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ".")
}

func isVersion(s string) bool {
	return len(s) > 0 && len(s) <= 4 && strings.Trim(s, "0123456789") == ""
}

// visible is text up to its first character that can't be shown.
func visible(text string) string {
	for i, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			text = text[:i]
			break
		}
	}
	if text == "" {
		return "unknown"
	}
	return text
}

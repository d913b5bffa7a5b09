package house

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/site"
)

// siteURL is the site's address without a slash at its end.
func (s Settings) siteURL() string { return strings.TrimRight(s.Site.URL, "/") }

// proxies are the reverse proxies in front of the site and the tracker.
func (s Settings) proxies() (out []netip.Prefix) {
	for _, text := range slices.Concat(s.Site.TrustedProxies, s.Tracker.TrustedProxies) {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		} else if p, err := netip.ParsePrefix(text); err == nil { // the sections were checked
			out = append(out, p)
		}
	}
	return out
}

// announceURLs are the announce addresses with {announce-key} where the key goes, the
// one to be tried first before the others.
func (s Settings) announceURLs() []string {
	urls := []string{s.Tracker.AnnounceURL}
	if s.Tracker.AnnounceUDPURL != "" {
		urls = append(urls, s.Tracker.AnnounceUDPURL)
	}
	for i, u := range urls {
		urls[i] = strings.TrimRight(u, "/") + "/{announce-key}/announce"
	}
	return urls
}

// ircInfo is what the site tells members of the IRC network: the site's host
// name and the ports; plain text only where nothing leaves the machine.
func (s Settings) ircInfo() site.IRCInfo {
	u, err := url.Parse(s.Site.URL)
	if err != nil {
		return site.IRCInfo{} // the section was checked: can't be
	}
	info := site.IRCInfo{Host: u.Hostname(), TLSPort: port(s.IRC.ListenTLS), NickLimit: s.IRC.Nicks}
	if s.Hermes.Enabled && s.Hermes.Foreign() {
		return s.foreignIRC(info.Host)
	}
	if isLoopback(s.Site.URL) {
		info.PlainPort = port(s.IRC.ListenPlain)
	}
	return info
}

// foreignIRC is the same for a network that isn't ours: where Hermes connects, at the
// site's host when that is this machine.
func (s Settings) foreignIRC(siteHost string) site.IRCInfo {
	host, _, err := net.SplitHostPort(s.Hermes.Server)
	if err != nil {
		return site.IRCInfo{} // the section was checked: can't be
	}
	info := site.IRCInfo{Host: host, Bot: s.Hermes.Nick, Fingerprint: s.Hermes.Fingerprint}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		info.Host = siteHost
	}
	if s.Hermes.TLS {
		info.TLSPort = port(s.Hermes.Server)
	}
	return info
}

// isLoopback reports whether an address on the web leads back to this machine.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

func port(address string) int {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

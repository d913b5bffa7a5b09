package ircd

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"

	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// trusted are the addresses to which the configuration gives privileges.
type trusted struct {
	exempt []netip.Prefix // have no limits by address
	proxy  []netip.Prefix // name the client's address with the PROXY protocol
	web    []netip.Prefix // name it in headers of WebSocket requests
	webirc []netip.Prefix // name it with WEBIRC
	oper   []netip.Prefix // may become operators by the password of the configuration
}

// listen opens the ports, all or none.
func (r *Room) listen(ctx context.Context) (out []*conn.Listener, certs *conn.Certificates, err error) {
	open := func(addr string, config *tls.Config, web bool) (string, error) {
		if addr == "" {
			return "", nil
		}
		l, err := conn.Listen(ctx, addr, config, web)
		if err != nil {
			for _, other := range out {
				err = errors.Join(err, other.Close())
			}
			return "", err
		}
		out = append(out, l)
		return l.Addr().String(), nil
	}
	var config, webConfig *tls.Config
	if r.cfg.ListenTLS != "" || r.cfg.ListenWeb != "" && r.cfg.WebTLS {
		cert, made, err := conn.LoadCertificate(r.cfg.CertFile, r.cfg.KeyFile, r.cfg.ServerName, r.deps.Clock())
		if err != nil {
			return nil, nil, err
		}
		if made {
			r.deps.Log.Info("made a self-signed certificate for IRC", "file", r.cfg.CertFile, "sha256", conn.Fingerprint(cert))
		}
		certs = conn.NewCertificates(r.cfg.CertFile, r.cfg.KeyFile, cert, r.deps.Log)
		config = certs.Config()
	}
	if r.cfg.WebTLS {
		webConfig = config
	}
	var secure, plain, web string
	if secure, err = open(r.cfg.ListenTLS, config, false); err != nil {
		return nil, nil, err
	}
	if plain, err = open(r.cfg.ListenPlain, nil, false); err != nil {
		return nil, nil, err
	}
	if web, err = open(r.cfg.ListenWeb, webConfig, true); err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tls, r.plain, r.web = secure, plain, web
	return out, certs, nil
}

// server makes what takes the connections of a network.
func (r *Room) server(ctx context.Context, n *network) *conn.Server {
	return conn.NewServer(ctx, n, conn.Options{
		Proxies: n.trusted.proxy, WebProxies: n.trusted.web, WebOrigins: r.cfg.WebOrigins,
		SendQueue: r.cfg.SendQueue, Log: n.log, Refused: r.metrics.refused.Inc,
	})
}

// Admit implements conn.Host: it makes a session of a connection.
func (n *network) Admit(c *conn.Conn, from conn.Origin) (conn.Client, error) {
	s := newSession(c, from)
	if err := n.add(s); err != nil {
		return nil, err
	}
	return &client{n, s}, nil
}

// client is a session as its connection knows it.
type client struct {
	n *network
	s *session
}

// Secured implements conn.Client.
func (c *client) Secured(certificate string) {
	c.n.locked(func() { c.s.from.Certificate = certificate })
}

// Serve implements conn.Client.
func (c *client) Serve(ctx context.Context) (again bool) { return c.n.read(ctx, c.s) }

// Failed implements conn.Client.
func (c *client) Failed(reason string) { c.n.locked(func() { c.n.drop(c.s, reason) }) }

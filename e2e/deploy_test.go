package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"

	"github.com/caduceus-bio/caduceus/e2e/clients"
	"github.com/caduceus-bio/caduceus/e2e/netns"
)

const deploy = "../deploy/"

// output runs a command and returns what it says.
func output(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	return string(out), err
}

func TestProductionConfiguration(t *testing.T) {
	t.Parallel()
	if out, err := output(t, os.Getenv(binaryVariable), "--config", deploy+"caduceus.toml", "check-config"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestProductionUnits lets systemd read the units, the system users and the
// folders. Only the path of the program is another one.
func TestProductionUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var units []string
	err := filepath.WalkDir(deploy+"systemd", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, deploy+"systemd"))
		if filepath.Dir(to) == dir {
			units = append(units, to)
			if strings.HasSuffix(to, ".service") && !bytes.Contains(raw, []byte("\nMemoryMax=")) {
				t.Errorf("%s may take all the memory of the machine", filepath.Base(to))
			}
		}
		raw = bytes.ReplaceAll(raw, []byte("/usr/local/bin/caduceus"), []byte(os.Getenv(binaryVariable)))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, raw, 0o644)
	})
	const besides = 4 // the target, the template for several trackers, and what makes backups
	if err != nil || len(units) != len(inFive.rooms)+besides {
		t.Fatalf("units %v: %v", units, err)
	}
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"verify", "--man=no"}, units...)...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "caduceus") {
		t.Errorf("%v: %s", err, out)
	}

	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := must[string](t)(filepath.Abs(deploy))
	if out, err := output(t, "systemd-sysusers", "--root="+root, files+"/sysusers.d/caduceus.conf"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	users := must[[]byte](t)(os.ReadFile(filepath.Join(root, "etc/passwd")))
	for _, room := range append([]string{"backup"}, inFive.rooms...) {
		if !bytes.Contains(users, []byte("\ncaduceus-"+room+":")) {
			t.Errorf("no user for %s in\n%s", room, users)
		}
	}
}

// TestBehindNginx puts the nginx of deploy/ in front of site and tracker. The
// tracker must learn the client's own address, whatever the client claims.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	h := build(t, onSQLite)
	front := startNginx(t, h)
	ann, ben := h.member("ann", "Power User"), h.member("ben", "User")
	made := must[clients.Made](t)(clients.Make(t.Context(), clients.V1, named(t, "proxied"), t.TempDir()))
	up := ann.upload(made.File, lambdaFields["title"])

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front+"/browse", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "biotorrents.example"
	resp, err := insecure().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	page := must[[]byte](t)(io.ReadAll(resp.Body))
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Strict-Transport-Security") == "" || !bytes.Contains(page, []byte("<form")) {
		t.Errorf("the site behind nginx: %s %v", resp.Status, resp.Header)
	}

	liar := host(t)
	h.wait("the tracker does not know the torrent yet", func() (bool, string) {
		answer := announce(t, liar, front, ann, up, "left=0&event=started&port=6999")
		return strings.Contains(answer, "5:peers"), answer
	})
	answer := announce(t, host(t), front, ben, up, "left=1&event=started&port=6998")
	var got struct {
		Peers string `bencode:"peers"`
	}
	if err := bencode.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	ip := liar.IP.As4()
	if want := string(ip[:]) + "\x1b\x57"; got.Peers != want { // port 6999
		t.Errorf("peers %x, want %x", got.Peers, want)
	}
}

// announce asks the tracker behind nginx from a host, with headers that claim
// another address.
func announce(t *testing.T, from *netns.Host, front string, a *account, up uploaded, query string) string {
	t.Helper()
	hash := ""
	for i := 0; i < len(up.InfoHash); i += 2 {
		hash += "%" + up.InfoHash[i:i+2]
	}
	url := fmt.Sprintf("%s/%s/announce?info_hash=%s&peer_id=-TR3000-%-12s&uploaded=0&downloaded=0&compact=1&%s",
		front, a.announceKey, hash, strings.Repeat(a.name[:1], 12), query)
	out, err := from.Command(t.Context(), "curl", "--silent", "--show-error", "--insecure", "--max-time", "10",
		"--header", "Host: tracker.biotorrents.example", "--header", "X-Forwarded-For: 203.0.113.7", "--header", "X-Real-IP: 203.0.113.7", url).CombinedOutput()
	if err != nil {
		t.Fatalf("announce: %v: %s", err, out)
	}
	return string(out)
}

// oneNginx is held by the test whose nginx uses ports 80 and 443 of the lab's
// gateway.
var oneNginx sync.Mutex

// startNginx serves the configuration of deploy/ for a house and returns its address.
// Only the ports, certificate and log differ, and what change names in pairs of old
// and new.
func startNginx(t *testing.T, h *house, change ...string) (front string) {
	t.Helper()
	oneNginx.Lock()
	t.Cleanup(oneNginx.Unlock) // after nginx has ended, which is cleaned up before
	dir := t.TempDir()
	certificate(t, dir)
	raw := must[[]byte](t)(os.ReadFile(deploy + "nginx/caduceus.conf"))
	text := strings.NewReplacer(append(change,
		"/etc/letsencrypt/live/biotorrents.example", dir, "/var/log/nginx", dir,
		"server 127.0.0.1:8080", "server "+strings.TrimPrefix(h.site, "http://"),
		"server 127.0.0.1:34000", "server "+strings.TrimPrefix(h.tracker, "http://"),
		"listen [::]:443 ssl http2;", "", "listen [::]:443 ssl;", "", "listen [::]:80;", "")...,
	).Replace(string(raw))
	whole := fmt.Sprintf("daemon off; pid %s/pid; error_log stderr warn;\nevents { worker_connections 256; }\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%s}\n", dir, text)
	if os.Getuid() == 0 {
		whole = "user root;\n" + whole
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	const nginx = "/usr/sbin/nginx"
	if out, err := output(t, nginx, "-t", "-e", "stderr", "-c", file); err != nil {
		t.Fatalf("nginx -t: %v: %s", err, out)
	}
	var said lines
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), nginx, "-e", "stderr", "-c", file)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("nginx: %v: %s", err, said.String())
		}
	})
	front = "https://" + lab.Gateway.String()
	h.wait("nginx does not answer", func() (bool, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := insecure().Do(req)
		if err != nil {
			return false, err.Error() + said.String()
		}
		return resp.Body.Close() == nil, ""
	})
	return front
}

// insecure is a client that accepts the self-signed certificate of this test.
func insecure() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
}

// certificate writes a self-signed one into dir, by the names of Let's Encrypt.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "biotorrents.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	raw := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))
	for name, block := range map[string]*pem.Block{"fullchain.pem": {Type: "CERTIFICATE", Bytes: cert}, "privkey.pem": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

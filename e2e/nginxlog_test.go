package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const keyForNginx = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3y1"

// TestNginxLogsNoKeys sends keys in every place where programs put them to each server
// of the nginx of deploy/, with nothing behind it. No log may have any of them. A flood
// of login forms is cut off.
func TestNginxLogsNoKeys(t *testing.T) {
	t.Parallel()
	const (
		ip  = "127.0.0.78"
		key = keyForNginx
	)
	dir, plain, tls := t.TempDir(), ip+":"+freePort(t, ip), ip+":"+freePort(t, ip)
	certificate(t, dir)
	raw := must[[]byte](t)(os.ReadFile(deploy + "nginx/caduceus.conf"))
	text := strings.NewReplacer("/etc/letsencrypt/live/biotorrents.example", dir, "/var/log/nginx", dir,
		"server 127.0.0.1:8080", "server 127.0.0.1:9", "server 127.0.0.1:34000", "server 127.0.0.1:9",
		"listen [::]:443 ssl http2;", "", "listen [::]:443 ssl;", "", "listen [::]:80;", "",
		"listen 80;", "listen "+plain+";", "listen 443 ssl", "listen "+tls+" ssl").Replace(string(raw))
	// Distributions have a log of everything for servers that have none of their own.
	whole := fmt.Sprintf("daemon off; pid %s/pid; error_log %[1]s/main.log warn;\nevents { worker_connections 64; }\nhttp {\naccess_log %[1]s/inherited.log;\n"+
		"client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%s}\n", dir, text)
	if os.Getuid() == 0 {
		whole = "user root;\n" + whole
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "/usr/sbin/nginx", "-e", dir+"/start.log", "-c", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", tls)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for _, server := range []string{"biotorrents.example", "tracker.biotorrents.example", "other.example"} {
		for _, path := range []string{"/" + key + "/announce?info_hash=x", "/torrents.php?action=download&authkey=" + key + "&torrent_pass=" + key, "/a/" + key} {
			askNginx(t, http.MethodGet, "https://"+tls+path, server)
			askNginx(t, http.MethodGet, "http://"+plain+path, server)
			askNginx(t, http.MethodPost, "https://"+tls+path, server)
		}
	}
	refused := 0
	for range 30 {
		if askNginx(t, http.MethodPost, "https://"+tls+"/login", "biotorrents.example") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 10 || refused == 30 {
		t.Errorf("%d of 30 login forms at once were refused", refused)
	}
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil { // it writes its logs to the end
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, log := range must[[]string](t)(filepath.Glob(dir + "/*.log")) {
		if said := must[[]byte](t)(os.ReadFile(log)); strings.Contains(string(said), key) {
			t.Errorf("%s has a key:\n%s", filepath.Base(log), said)
		}
	}
	if said := must[[]byte](t)(os.ReadFile(dir + "/caduceus-failed.log")); !strings.Contains(string(said), " 502 ") {
		t.Errorf("that nothing is behind nginx stands nowhere: %q", said)
	}
}

// askNginx sends a request with a key in its headers, too, and returns the status.
func askNginx(t *testing.T, method, url, server string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("name=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = server
	req.Header.Set("Authorization", "Bearer "+keyForNginx)
	req.Header.Set("Referer", "https://biotorrents.example/feeds?torrent_pass="+keyForNginx)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := insecure()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// freePort is one that nobody listens at now.
func freePort(t *testing.T, ip string) string {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if cerr := l.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	return port
}

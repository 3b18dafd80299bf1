package site

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"vedette/scripts/bench/process"
)

// peerSettings is what the templates of the peers' configurations read. They
// terminate the agents' TLS, ask for a client certificate and check it, and
// open one TLS connection to the Central Node for each agent's, with a client
// certificate and the server's checked. Tickets are off towards agents, as the
// withdrawal of a certificate needs it. What is not set is their default.
type peerSettings struct {
	Port    int
	Between int // of stunnel's second service
	Central string
	Threads int
	Dir     string
	Module  string // of nginx, empty when it is built in
	Suite   string
	Group   string
	Files   int // open at once
}

var haproxyConfig = template.Must(template.New("haproxy").Parse(`global
    nbthread {{.Threads}}
    maxconn 9700
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
frontend agents
    bind 127.0.0.1:{{.Port}} backlog 4096 ssl crt {{.Dir}}/front.pem verify optional ca-file {{.Dir}}/agent.crt ca-verify-file {{.Dir}}/agents.crt ssl-min-ver TLSv1.3 ciphersuites {{.Suite}} curves {{.Group}} no-tls-tickets
    default_backend central
backend central
    server central {{.Central}} ssl verify required ca-file {{.Dir}}/central.crt crt {{.Dir}}/peer.pem ssl-min-ver TLSv1.3 ciphersuites {{.Suite}}
`))

var nginxConfig = template.Must(template.New("nginx").Parse(`{{with .Module}}load_module {{.}};
{{end}}daemon off;
pid {{.Dir}}/nginx.pid;
worker_processes {{.Threads}};
worker_rlimit_nofile {{.Files}};
events { worker_connections {{.Files}}; }
stream {
    server {
        listen 127.0.0.1:{{.Port}} ssl backlog=4096;
        ssl_certificate {{.Dir}}/front.pem;
        ssl_certificate_key {{.Dir}}/front.pem;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites {{.Suite}};
        ssl_ecdh_curve {{.Group}};
        ssl_session_tickets off;
        ssl_verify_client optional;
        ssl_client_certificate {{.Dir}}/agent.crt;
        ssl_trusted_certificate {{.Dir}}/agents.crt;
        proxy_pass {{.Central}};
        proxy_connect_timeout 10s;
        proxy_timeout 1h;
        proxy_ssl on;
        proxy_ssl_protocols TLSv1.3;
        proxy_ssl_conf_command Ciphersuites {{.Suite}};
        proxy_ssl_certificate {{.Dir}}/peer.pem;
        proxy_ssl_certificate_key {{.Dir}}/peer.pem;
        proxy_ssl_verify on;
        proxy_ssl_name localhost;
        proxy_ssl_trusted_certificate {{.Dir}}/central.crt;
    }
}
`))

// One stunnel does TLS on one side only, so agents' connections go through two
// services of one process, joined over loopback.
var stunnelConfig = template.Must(template.New("stunnel").Parse(`foreground = yes
debug = crit
syslog = no
pid =
sslVersionMin = TLSv1.3
ciphersuites = {{.Suite}}
verifyPeer = yes
TIMEOUTidle = 3600
[agents]
accept = 127.0.0.1:{{.Port}}
connect = 127.0.0.1:{{.Between}}
cert = {{.Dir}}/front.pem
CAfile = {{.Dir}}/agents.crt
curves = {{.Group}}
options = NO_TICKET
[central]
client = yes
accept = 127.0.0.1:{{.Between}}
connect = {{.Central}}
cert = {{.Dir}}/peer.pem
CAfile = {{.Dir}}/central.crt
TIMEOUTconnect = 10
`))

// nginxModule is where Debian keeps the stream module.
const nginxModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

func startHAProxy(c *Certificates, central string, at Place) (*process.Process, string, error) {
	return startPeer(c, central, at, "haproxy", haproxyConfig, func(config string) []string { return []string{"-q", "-db", "-f", config} })
}

func startNginx(c *Certificates, central string, at Place) (*process.Process, string, error) {
	return startPeer(c, central, at, "nginx", nginxConfig, func(config string) []string {
		return []string{"-p", c.dir, "-e", "stderr", "-c", config}
	})
}

func startStunnel(c *Certificates, central string, at Place) (*process.Process, string, error) {
	return startPeer(c, central, at, "stunnel", stunnelConfig, func(config string) []string { return []string{config} })
}

// startPeer writes the configuration and runs the program on a free port.
func startPeer(c *Certificates, central string, at Place, name string, config *template.Template, args func(string) []string) (*process.Process, string, error) {
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	between, err := freePort()
	if err != nil {
		return nil, "", err
	}
	s := peerSettings{Port: port, Between: between, Central: central, Threads: Cores, Dir: c.dir, Suite: Suite, Group: Group, Files: 19_500}
	if _, err := os.Stat(nginxModule); err == nil {
		s.Module = nginxModule
	}
	var text bytes.Buffer
	if err := config.Execute(&text, s); err != nil {
		return nil, "", err
	}
	path := filepath.Join(c.dir, name+".conf")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, "", err
	}
	cmd := at.Command(peer(name), args(path)...)
	cmd.Stderr = os.Stderr
	p, err := process.Start(cmd)
	if err != nil {
		return nil, "", err
	}
	return p, fmt.Sprintf("127.0.0.1:%d", port), nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// peer is the path of a peer's program.
func peer(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return filepath.Join("/usr/sbin", name) // which is not on everybody's PATH
}

// Version is what a peer says about itself, empty for a subject that is none.
func Version(name string) (string, error) {
	flag := map[string]string{HAProxy: "-v", Nginx: "-v", Stunnel: "-version"}[name]
	if flag == "" {
		return "", nil
	}
	out, err := exec.Command(peer(name), flag).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// stunnel speaks of other things first.
		if line = strings.TrimSpace(line); err == nil && strings.Contains(strings.ToLower(line), name) {
			return line, nil
		}
	}
	return "", errors.Join(fmt.Errorf("%s %s says %q; scripts/need.sh installs it", name, flag, out), err)
}

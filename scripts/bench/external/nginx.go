package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"vedette/scripts/bench/process"
)

// nginxConfig makes a store of nginx: a PUT over TLS with a client certificate
// that is on the list becomes a file. nginx syncs nothing, so its answer is no
// promise over a power cut; it reads no form, hashes nothing and scans nothing.
// What is not set is its default.
var nginxConfig = template.Must(template.New("nginx").Parse(`daemon off;
{{if .Root}}user root;
{{end}}pid {{.Dir}}/nginx.pid;
worker_processes 2;
worker_rlimit_nofile 4096;
events { worker_connections 2048; }
http {
    access_log off;
    keepalive_requests 1000000;
    client_max_body_size 2g;
    client_body_temp_path {{.Dir}}/body;
    proxy_temp_path {{.Dir}}/proxy;
    fastcgi_temp_path {{.Dir}}/fastcgi;
    uwsgi_temp_path {{.Dir}}/uwsgi;
    scgi_temp_path {{.Dir}}/scgi;
    server {
        listen 127.0.0.1:{{.Port}} ssl;
        ssl_certificate {{.Certs}}/server.pem;
        ssl_certificate_key {{.Certs}}/server.pem;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_ecdh_curve X25519;
        ssl_session_tickets off;
        ssl_verify_client on;
        ssl_client_certificate {{.Certs}}/systems.crt;
        root {{.Dir}}/stored;
        dav_methods PUT;
        create_full_put_path on;
    }
}
`))

// startNginx runs nginx, which keeps objects in dir/stored.
func startNginx(c *certificates, dir string) (*process.Process, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		return nil, "", err
	}
	var text bytes.Buffer
	settings := map[string]any{"Root": os.Geteuid() == 0, "Dir": dir, "Certs": c.dir, "Port": address.Port}
	if err := nginxConfig.Execute(&text, settings); err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, "", err
	}
	cmd := exec.Command(nginx(), "-p", dir, "-e", "stderr", "-c", path)
	cmd.Stderr = os.Stderr
	p, err := process.Start(cmd)
	if err != nil {
		return nil, "", err
	}
	return p, address.String(), nil
}

// nginx is the path of the program.
func nginx() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx" // which is not on everybody's PATH
}

func nginxVersion() (string, error) {
	out, err := exec.Command(nginx(), "-v").CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	if err != nil {
		return "", fmt.Errorf("nginx -v: %w: %s; scripts/need.sh installs it", err, line)
	}
	return line, nil
}

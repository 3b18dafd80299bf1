package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
	"time"

	"vedette/pki"
	"vedette/scripts/bench/process"
)

// staticPath is where nginx has the bytes of the page that is measured.
const staticPath = "/page.html"

// staticConfig has nginx serve a file: the least that an answer can take.
var staticConfig = template.Must(template.New("nginx").Parse(`daemon off;
{{if .Root}}user root;
{{end}}pid {{.Dir}}/nginx.pid;
worker_processes 2;
events { worker_connections 256; }
http {
    access_log off;
    keepalive_requests 1000000;
    types { text/html html; }
    client_body_temp_path {{.Dir}}/body;
    proxy_temp_path {{.Dir}}/proxy;
    fastcgi_temp_path {{.Dir}}/fastcgi;
    uwsgi_temp_path {{.Dir}}/uwsgi;
    scgi_temp_path {{.Dir}}/scgi;
    server {
        listen {{.Address}} ssl http2;
        ssl_certificate {{.Dir}}/nginx.pem;
        ssl_certificate_key {{.Dir}}/nginx.pem;
        ssl_protocols TLSv1.3;
        ssl_session_tickets off;
        root {{.Dir}}/static;
    }
}
`))

// staticServer is nginx with one page.
type staticServer struct {
	process *process.Process
	browser *browser
	file    string
}

func startStatic(dir string) (*staticServer, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	pair, err := pki.GenerateServer(pki.ServerOptions{Names: []string{"127.0.0.1"}, Now: time.Now})
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "static"), 0o700); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := staticConfig.Execute(&text, map[string]any{"Root": os.Geteuid() == 0, "Dir": dir, "Address": address}); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	s := &staticServer{file: filepath.Join(dir, "static", staticPath)}
	for path, content := range map[string][]byte{config: text.Bytes(), filepath.Join(dir, "nginx.pem"): pair.EncodePEM(), s.file: nil} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	if s.browser, err = newBrowser("https://"+address, pki.PinTo(pair.Fingerprint())); err != nil {
		return nil, err
	}
	cmd := exec.Command(nginxPath(), "-p", dir, "-e", "stderr", "-c", config)
	cmd.Stderr = os.Stderr
	if s.process, err = process.Start(cmd); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err := s.browser.get(context.Background(), staticPath)
		if err == nil {
			return s, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("nginx does not answer: %w", err), s.process.End())
		}
	}
}

// serve puts the bytes of a page there.
func (s *staticServer) serve(p page) error { return os.WriteFile(s.file, p.sent, 0o600) }

// nginxPath is the path of the program.
func nginxPath() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx" // which is not on everybody's PATH
}

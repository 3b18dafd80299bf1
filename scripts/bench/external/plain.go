package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"vedette/scripts/bench/process"
)

// plainCommand is the first argument of the process that is the plain store.
const plainCommand = "plain"

// bePlain is a peer that does the least that makes the same promise: it takes
// the documented call over TLS with a client certificate that is on the list,
// writes the object to a file, and says OK when file and name are synced. It
// knows no limits and no scan IDs, hashes nothing and scans nothing.
func bePlain(ctx context.Context, certs, dir string) error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, serverPair), filepath.Join(certs, serverPair))
	if err != nil {
		return err
	}
	listed, err := os.ReadFile(filepath.Join(certs, systemCerts))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(listed)
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}, SessionTicketsDisabled: true,
	})
	if err != nil {
		return errors.Join(err, folder.Close())
	}
	s := http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := store(r, folder); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "OK") // whoever has left needs no answer
	})}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	fmt.Println(l.Addr())
	err = s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}

// store keeps the object of a form.
func store(r *http.Request, folder *os.File) error {
	form, err := r.MultipartReader()
	if err != nil {
		return err
	}
	id := ""
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch part.FormName() {
		case "scanId":
			raw, err := io.ReadAll(io.LimitReader(part, 128))
			if err != nil {
				return err
			}
			id = string(raw)
		case "content":
			if err := keep(part, folder, r.PathValue("system")+filepath.Base(id)); err != nil {
				return err
			}
		}
	}
}

// keep writes a file, and returns when it and its name are on the disk.
func keep(content io.Reader, folder *os.File, name string) (err error) {
	f, err := os.CreateTemp(folder.Name(), ".incoming")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	for _, step := range []func() error{
		f.Sync, func() error { return os.Rename(f.Name(), filepath.Join(folder.Name(), name)) }, folder.Sync,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return f.Close()
}

// startPlain runs the plain store, which keeps objects in dir.
func startPlain(c *certificates, dir string) (*process.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(self, plainCommand, c.dir, dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p, err := process.Start(cmd)
	if err != nil {
		return nil, "", err
	}
	said := bufio.NewScanner(out)
	if !said.Scan() {
		return nil, "", errors.Join(errors.New("the plain store does not start"), said.Err(), p.End())
	}
	address := said.Text()
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, "", errors.Join(err, p.End())
	}
	return p, address, nil
}

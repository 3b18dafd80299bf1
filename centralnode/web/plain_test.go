package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestPlainHTTPIsToldToUseHTTPS(t *testing.T) {
	w := start(t)
	res, err := http.Get("http://" + w.at.String() + "/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "https://") {
		t.Errorf("%s %q, %v", res.Status, text, err)
	}
}

package signin

import (
	"net/url"
	"strings"
	"testing"
)

func TestOnlyPagesOfOursComeAfterSigningIn(t *testing.T) {
	for next, want := range map[string]string{
		"/": "/", "/alerts": "/alerts", "/alerts?state=new&q=a%20b": "/alerts?state=new&q=a%20b", "/endpoint-agents/0a?tab=events": "/endpoint-agents/0a?tab=events",

		"": "/", "alerts": "/", "//evil.test": "/", "///evil.test": "/", "/\\evil.test": "/", "\\/evil.test": "/", "/\t/evil.test": "/", "/\n/evil.test": "/",
		"https://evil.test/": "/", "https:/evil.test": "/", "javascript:alert(1)": "/", "data:text/html,x": "/", "/a/../..//evil.test": "/", "/.//evil.test": "/",
		"/%5cevil.test": "/", "/%2f%2fevil.test": "/", "/%09/evil.test": "/", "/a#b": "/", "/a b": "/", "/ä": "/", "/\x00": "/",
		"/sign-in": "/", "/sign-in/code": "/", "/sign-in?next=%2Fsign-in": "/", "/sign-out": "/", "/" + strings.Repeat("a", maxNext): "/",
	} {
		if got := local(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

// FuzzNext looks for something that leads a browser anywhere else.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{"/", "/alerts?x=1", "//evil.test", "/\\evil.test", "/%2f/evil.test", "https://evil.test", "/a;b", "/?//evil"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://cn.example:8443/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := local(next)
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || strings.ContainsAny(got, "\\\r\n\t ") || len(got) > 1 && (got[1] == '/' || got[0] != '/') {
			t.Errorf("%q leads to %q", next, got)
		}
		if again := local(got); again != got {
			t.Errorf("%q becomes %q, and that %q", next, got, again)
		}
	})
}

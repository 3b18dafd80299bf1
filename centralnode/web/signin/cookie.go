package signin

import "net/http"

// cookieName makes the browser refuse the cookie unless it is Secure, of this
// host alone and of all its paths.
const cookieName = "__Host-vedette"

// CookieOf is the value of the session's cookie; empty: there is none.
func CookieOf(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie gives the browser the value of a session, or takes it away when it
// is empty. The cookie ends with the browser; the session may end before.
func setCookie(w http.ResponseWriter, value string) {
	c := &http.Cookie{Name: cookieName, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

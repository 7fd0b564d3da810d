package httptool

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzRedirect: a followed redirect leads to the URL's host or an allowed one, and secrets are sent only to the URL's
// own origin and path.
func FuzzRedirect(f *testing.F) {
	for _, to := range []string{"https://api.example/v1", "https://API.example./v1", "https://api.example:443/v1", "http://api.example/v1", "https://u:p@api.example/v1",
		"https://api.example:4433/v1", "https://[::ffff:127.0.0.1]/v1", "//evil.example/", "https://api.example%2eevil/", "https:\\\\evil.example", "https://api.example/v1/../x", "https://api.еxample/v1", "ftp://api.example/"} {
		f.Add(to)
	}
	f.Fuzz(func(t *testing.T, to string) {
		first, err := http.NewRequest(http.MethodPost, "https://api.example/v1", nil)
		if err != nil {
			t.Fatal(err)
		}
		target, err := first.URL.Parse(to)
		if err != nil {
			return
		}
		p := &prepared{hosts: []place{allowedPlace("Other.example:8443")}, secretHeaders: map[string]struct{}{"Authorization": {}}}
		next := &http.Request{Method: http.MethodPost, URL: target, Header: http.Header{"Authorization": {"secret"}, "Referer": {"x"}}}
		if p.redirect(next, []*http.Request{first}) != nil {
			return
		}
		// net/http dials the URL's own host and port, in lower case or not.
		host := strings.ToLower(target.Hostname())
		ascii := strings.TrimSuffix(host, ".")
		if isASCII(host) && ascii != "api.example" && ascii != "other.example" {
			t.Fatalf("%q is followed to %q", to, host)
		}
		if target.User != nil || (target.Scheme != "https") || next.Header.Get("Referer") != "" {
			t.Fatalf("%q is followed", to)
		}
		if next.Header.Get("Authorization") != "" && (ascii != "api.example" || strings.TrimSuffix(target.EscapedPath(), "/") != "/v1" || (target.Port() != "" && target.Port() != "443")) {
			t.Fatalf("the secret goes to %q", to)
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// FuzzPlace: parsing a place again gives the same place, and a place allows itself.
func FuzzPlace(f *testing.F) {
	for _, s := range []string{"h", "H.", "h:80", "[::1]", "[::1]:443", "127.0.0.1", "bücher.example", "xn--bcher-kva.example", "h:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		u, err := url.Parse("https://" + host + "/x")
		if err != nil || u.Host != host {
			return
		}
		if p := allowedPlace(host); !p.allows(u) {
			t.Fatalf("%q does not allow itself", host)
		}
	})
}

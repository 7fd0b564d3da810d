package httptool

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// place is a host and a port in a comparable form: letter case, a dot at the end, and the choice between native script
// and ASCII do not matter.
type place struct{ host, port string }

// placeOf is the host and port of a URL. Without a port it is the scheme's default.
func placeOf(u *url.URL) place { return place{canonicalHost(u.Hostname()), portOf(u)} }

// allowedPlace is a host of a registration. Without a port it matches the default port of a URL's scheme.
func allowedPlace(host string) place {
	u := url.URL{Host: host}
	return place{canonicalHost(u.Hostname()), u.Port()}
}

// allows reports whether a URL leads to the place.
func (p place) allows(u *url.URL) bool {
	at := placeOf(u)
	return at.host == p.host && (at.port == p.port || (p.port == "" && at.port == schemePort(u.Scheme)))
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return schemePort(u.Scheme)
}

func schemePort(scheme string) string {
	if strings.EqualFold(scheme, "https") {
		return "443"
	}
	return "80"
}

func canonicalHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	host = strings.TrimSuffix(host, ".")
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	return strings.ToLower(host)
}

// sameOrigin reports whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && placeOf(a) == placeOf(b)
}

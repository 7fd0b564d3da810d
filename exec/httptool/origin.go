package httptool

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// place is a host and a port, as names are compared: without regard to letter case, the
// dot at the end, or whether a name is written in its own script or in ASCII.
type place struct{ host, port string }

// placeOf is where a URL leads. The port is the scheme's own where the URL names none.
func placeOf(u *url.URL) place { return place{canonicalHost(u.Hostname()), portOf(u)} }

// allowedPlace is a host of a registration; without a port it is the one that the scheme of
// a URL has for its own.
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

// sameOrigin reports whether two URLs have scheme, host and port in common.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && placeOf(a) == placeOf(b)
}

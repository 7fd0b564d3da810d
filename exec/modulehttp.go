package exec

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/exec/endpoint"
)

var httpMethods = []string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// checkHTTP refuses a URL whose host a request could choose, and secrets that would cross a network unencrypted.
func (m ModuleRef) checkHTTP() error {
	if m.URL == "" || m.Confinement != ConfineRemote {
		return errors.New("a tool that is asked by HTTP has a URL and is confined \"remote\"")
	}
	u, err := endpoint.CheckURL(m.URL)
	if err != nil {
		return err
	}
	if !slices.Contains(httpMethods, m.Method) {
		return fmt.Errorf("method %q: expected GET, HEAD, POST, PUT, PATCH or DELETE", m.Method)
	}
	for _, h := range m.Hosts {
		if v, err := url.Parse("https://" + h); err != nil || v.Host != h || h == "" {
			return fmt.Errorf("host %q: expected a name or an address, with its port if it is not the usual one", h)
		}
	}
	for _, p := range m.RedirectPaths {
		if v, err := url.Parse(p); err != nil || !strings.HasPrefix(p, "/") || v.Host != "" || v.RawQuery != "" || v.Fragment != "" {
			return fmt.Errorf("redirect path %q: expected a path that begins with a slash", p)
		}
	}
	return endpoint.CheckHeaders(u, m.Headers)
}

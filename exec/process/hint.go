package process

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/exec"
)

// encodings are the forms in which a secret may show: as it is, and as programs write it
// into URLs, headers and JSON.
func encodings(v string) []string {
	forms := []string{
		v, url.QueryEscape(v), url.PathEscape(v), base64.StdEncoding.EncodeToString([]byte(v)),
		base64.URLEncoding.EncodeToString([]byte(v)), base64.RawStdEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)),
	}
	if quoted, err := json.Marshal(v); err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // the longer first: one may begin with another
	return slices.Compact(forms)
}

// denied finds the path in what programs say when they may not open it.
var denied = regexp.MustCompile(`(?m)(/[^\s:'",)\]]+)['"]?[^\n]*(?:[Pp]ermission denied|EACCES|\(EACCES\))|(?:[Pp]ermission denied|EACCES)[^\n]*?['" ](/[^\s:'",)\]]+)`)

// advice says which --read would let a confined program open what it could not.
func advice(ref exec.ModuleRef, stderr string) string {
	if ref.Confinement == exec.ConfineNone {
		return ""
	}
	m := denied.FindStringSubmatch(stderr)
	if m == nil {
		return ""
	}
	path := filepath.Clean(m[1] + m[2])
	for _, open := range slices.Concat(ref.Read, ref.Write) {
		if path == open || strings.HasPrefix(path, strings.TrimSuffix(open, "/")+"/") {
			return "\nit is confined, and may not write " + path + ": register it with --write " + filepath.Dir(path) + " if it may"
		}
	}
	return "\nit is confined, and may not open " + path + ": register it with --read " + path + " if it may"
}

package httptool

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// fill puts scalars of the request into the URL. Left of "?" a value is escaped as part of a path, right of it as part
// of a query. No value changes the shape of the URL: the path keeps the template's segments, and no segment becomes "."
// or "..", not even for a server that decodes it twice. {+/ptr} takes several segments.
func fill(template string, request []byte) (string, error) {
	if !strings.Contains(template, "{") {
		return template, nil
	}
	if err := jsontext.Check(request); err != nil {
		return "", fmt.Errorf("%w: the URL needs parts of it: %w", exec.ErrRequest, err)
	}
	path, query, asked := strings.Cut(template, "?")
	path, err := expand(path, request, segmentText)
	if err == nil {
		err = checkSegments(template, path)
	}
	if err == nil && asked {
		query, err = expand(query, request, func(text string, _ bool) (string, error) { return url.QueryEscape(text), nil })
		path += "?" + query
	}
	return path, err
}

// expand replaces the braces in a part of a template. many says that a value may have several segments.
func expand(template string, request []byte, escape func(text string, many bool) (string, error)) (string, error) {
	var out strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		pointer, next, closed := strings.Cut(after, "}")
		if !closed {
			return "", fmt.Errorf("URL template %q: a brace is not closed", template)
		}
		name, many := strings.CutPrefix(pointer, "+")
		text, err := scalarAt(request, name)
		if err == nil {
			text, err = escape(text, many)
		}
		if err != nil {
			return "", fmt.Errorf("%w: the URL needs %s of it: %w", exec.ErrRequest, name, err)
		}
		out.WriteString(text)
		rest = next
	}
}

var (
	errSegment = errors.New("it is empty, . or .. where a part of a path is needed")
	errSlash   = errors.New("it has a slash, a backslash, a percent sign or a control character; the registration allows slashes with {+/name}")
)

// segmentText escapes a value as part of a path.
func segmentText(text string, many bool) (string, error) {
	odd := func(r rune) bool { return r == '\\' || r == '%' || unicode.IsControl(r) }
	if strings.ContainsFunc(text, odd) || (!many && strings.Contains(text, "/")) {
		return "", errSlash
	}
	parts := strings.Split(text, "/")
	for i, p := range parts {
		if p == "" || dots(p) {
			return "", errSegment
		}
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/"), nil
}

// checkSegments refuses a filled path with a segment that leads elsewhere: the value of one brace may be harmless alone
// but not beside another one.
func checkSegments(template, path string) error {
	fixed, _, _ := strings.Cut(template, "{")
	own := strings.Count(fixed, "/")
	for i, segment := range strings.Split(path, "/") {
		if i < own {
			continue // from the registration itself
		}
		for range 3 { // as it is, decoded once, decoded twice
			if dots(segment) {
				return fmt.Errorf("%w: its values make a part of the path that is %q", exec.ErrRequest, segment)
			}
			decoded, err := url.PathUnescape(segment)
			if err != nil {
				break
			}
			segment = decoded
		}
	}
	return nil
}

// dots reports a segment that means a folder, also with the parameters after ";" that some servers cut off.
func dots(segment string) bool {
	name, _, _ := strings.Cut(segment, ";")
	return name == "." || name == ".."
}

// scalarAt returns the text of the scalar at a JSON pointer.
func scalarAt(request []byte, pointer string) (string, error) {
	p, err := jsontext.ParsePointer(pointer)
	if err != nil {
		return "", err
	}
	at, err := p.In(request)
	switch {
	case err != nil:
		return "", err
	case at == nil:
		return "", errors.New("it is missing")
	}
	switch jsontext.Kind(at) {
	case '{', '[', 'n':
		return "", errors.New("it is not a text, a number or a boolean")
	}
	return jsontext.PlainText(at)
}

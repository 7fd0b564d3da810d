package gitignore

import "strings"

// verdict is the result of matching a part. The two that give up keep stars from trying what can no longer succeed.
type verdict int

const (
	match    verdict = iota
	mismatch         // mismatch here; an earlier star may take more
	giveUp           // mismatch no matter what an earlier star takes
	toStars          // mismatch unless an earlier ** takes more
)

// wild matches a whole text: ? and [...] stand for one byte, * for bytes up to a slash, and ** between slashes for
// whole folders.
func wild(p, text string) verdict { return wildFrom(p, 0, text) }

// wildFrom matches the pattern after its first i bytes.
func wildFrom(p string, i int, text string) verdict {
	for ; i < len(p); i++ {
		if text == "" && p[i] != '*' {
			return giveUp
		}
		switch p[i] {
		case '*':
			return star(p, i, text)
		case '?':
			if text[0] == '/' {
				return mismatch
			}
		case '[':
			end, in := class(p, i, text[0])
			if end < 0 {
				return giveUp
			}
			if !in || text[0] == '/' {
				return mismatch
			}
			i = end
		case '\\':
			if i++; i == len(p) || p[i] != text[0] {
				return mismatch
			}
		default:
			if p[i] != text[0] {
				return mismatch
			}
		}
		text = text[1:]
	}
	if text != "" {
		return mismatch
	}
	return match
}

// star matches from a star at p[i].
func star(p string, i int, text string) verdict {
	first := i
	for i < len(p) && p[i] == '*' {
		i++
	}
	slashes := false
	if i-first > 1 {
		opens := first == 0 || p[first-1] == '/'
		closes := i == len(p) || p[i] == '/' || strings.HasPrefix(p[i:], "\\/")
		slashes = opens && closes
		if slashes && i < len(p) && p[i] == '/' && wildFrom(p, i+1, text) == match {
			return match // ** stands for no folder at all
		}
	}
	if i == len(p) {
		if !slashes && strings.Contains(text, "/") {
			return toStars
		}
		return match
	}
	if !slashes && p[i] == '/' { // one star and a slash: there is only one place to continue
		at := strings.IndexByte(text, '/')
		if at < 0 {
			return giveUp
		}
		return wildFrom(p, i, text[at:])
	}
	for {
		v := wildFrom(p, i, text)
		if v != mismatch && (!slashes || v != toStars) {
			return v
		}
		if text == "" {
			return giveUp
		}
		if v == mismatch && !slashes && text[0] == '/' {
			return toStars
		}
		text = text[1:]
	}
}

// class reports whether c is in the class that begins at p[i], and where the class ends; -1: it does not end.
func class(p string, i int, c byte) (end int, in bool) {
	i++
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	var last byte // the start of a range; 0: there is none
	for start := i; ; i++ {
		if i >= len(p) {
			return -1, false
		}
		at := p[i]
		switch {
		case at == ']' && i > start:
			return i, in != negated
		case at == '-' && last != 0 && i+1 < len(p) && p[i+1] != ']':
			if i++; p[i] == '\\' {
				if i++; i == len(p) {
					return -1, false
				}
			}
			in = in || (last <= c && c <= p[i])
			last = 0
			continue
		case at == '[' && i+1 < len(p) && p[i+1] == ':':
			if name, _, ok := strings.Cut(p[i+2:], ":]"); ok && !strings.Contains(name, "]") {
				known, is := named(name, c)
				if !known {
					return -1, false
				}
				in, last, i = in || is, 0, i+2+len(name)+1
				continue
			}
		case at == '\\':
			if i++; i == len(p) {
				return -1, false
			}
			at = p[i]
		}
		in, last = in || at == c, at
	}
}

// named reports whether c is in a named class.
func named(name string, c byte) (known, in bool) {
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	graph := c > ' ' && c < 0x7f
	switch name {
	case "alnum":
		return true, lower || upper || digit
	case "alpha":
		return true, lower || upper
	case "blank":
		return true, c == ' ' || c == '\t'
	case "cntrl":
		return true, c < ' ' || c == 0x7f
	case "digit":
		return true, digit
	case "graph":
		return true, graph
	case "lower":
		return true, lower
	case "print":
		return true, graph || c == ' '
	case "punct":
		return true, graph && !lower && !upper && !digit
	case "space":
		return true, c == ' ' || ('\t' <= c && c <= '\r')
	case "upper":
		return true, upper
	case "xdigit":
		return true, digit || ('a' <= c && c <= 'f') || ('A' <= c && c <= 'F')
	}
	return false, false
}

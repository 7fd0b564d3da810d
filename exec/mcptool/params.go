package mcptool

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"sync"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// headers adds the headers that a tool's input schema asks for: a property with
// x-mcp-header NAME goes along as Mcp-Param-NAME, when it is a text, a whole number
// that every JSON reader takes alike, or a truth value.
func (d Definition) headers(h http.Header, args json.RawMessage) {
	if d.input != nil {
		paramHeaders(h, d.input, args)
	}
}

var whole = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]{0,15})$`) })

const safeWhole = 1<<53 - 1

func paramHeaders(h http.Header, schema, args json.RawMessage) {
	list, err := jsontext.FieldsOf(schema)
	if err != nil {
		return
	}
	given, err := jsontext.FieldsOf(args)
	if err != nil {
		return
	}
	properties, err := jsontext.FieldsOf(list.Get("properties"))
	if err != nil {
		return
	}
	for _, p := range properties {
		value := given.Get(p.Name)
		if value == nil {
			continue
		}
		paramHeaders(h, p.Value, value)
		own, err := jsontext.FieldsOf(p.Value)
		if err != nil {
			continue
		}
		name, ok := textOf(own.Get("x-mcp-header"))
		if text, primitive := primitiveText(value); ok && primitive && exec.IsHeaderName(name) {
			h[http.CanonicalHeaderKey("Mcp-Param-"+name)] = []string{headerText(text)}
		}
	}
}

// primitiveText is a text, a whole number or a truth value as text.
func primitiveText(value json.RawMessage) (string, bool) {
	if text, ok := textOf(value); ok {
		return text, true
	}
	text := string(value)
	if text == "true" || text == "false" {
		return text, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return text, err == nil && whole().MatchString(text) && n <= safeWhole && n >= -safeWhole
}

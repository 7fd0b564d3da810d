package definition

import (
	"encoding/json"
	"regexp"
	"strconv"
	"sync"

	"github.com/mythos-project/mythos/exec/endpoint"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Params calls add for each argument that the tool's input schema maps to a header: a property with x-mcp-header NAME
// is sent as Mcp-Param-NAME, if it is a text, a boolean, or an integer that every JSON reader reads alike.
func (t Tool) Params(args json.RawMessage, add func(header, text string)) {
	if t.input != nil {
		headerParams(t.input, args, add)
	}
}

var whole = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]{0,15})$`) })

const safeWhole = 1<<53 - 1

func headerParams(schema, args json.RawMessage, add func(header, text string)) {
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
		headerParams(p.Value, value, add)
		own, err := jsontext.FieldsOf(p.Value)
		if err != nil {
			continue
		}
		name, _ := jsontext.TextOf(own.Get("x-mcp-header")) // any other value names no header
		if text, primitive := primitiveText(value); primitive && endpoint.IsHeaderName(name) {
			add("Mcp-Param-"+name, text)
		}
	}
}

// primitiveText returns a text, an integer or a boolean as text.
func primitiveText(value json.RawMessage) (string, bool) {
	if text, err := jsontext.TextOf(value); err == nil {
		return text, true
	}
	text := string(value)
	if text == "true" || text == "false" {
		return text, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return text, err == nil && whole().MatchString(text) && n <= safeWhole && n >= -safeWhole
}

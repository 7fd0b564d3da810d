package docgen

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/mythos-project/mythos/internal/gateway/api"
)

// openAPIFile is the description of the HTTP API, next to the code that serves it.
const openAPIFile = "internal/gateway/api/openapi.json"

// members are the members of a JSON object.
type members map[string]any

// openAPI describes api.Operations (OpenAPI 3.1, whose schemas are JSON Schema 2020-12).
func (t *Tree) openAPI(files map[string][]byte) error {
	r := t.reflector()
	paths, schemas := members{}, members{}
	for _, o := range api.Operations {
		op := members{"operationId": o.ID, "summary": o.Summary, "responses": replies(r, o.Replies, schemas)}
		if o.Description != "" {
			op["description"] = o.Description
		}
		if o.Bearer {
			op["security"] = []members{{"bearer": []string{}}}
		}
		var params []members
		for _, p := range o.Params {
			params = append(params, members{"in": p.In, "name": p.Name, "description": p.Description, "required": p.Required, "schema": members{"type": "string"}})
		}
		if params != nil {
			op["parameters"] = params
		}
		if o.Body != "" {
			op["requestBody"] = members{"description": o.Body, "required": false, "content": members{o.BodyType: members{}}}
		}
		paths[o.Path] = members{o.Method: op}
	}
	doc := members{
		"openapi": "3.1.0",
		"info": members{"title": "mythos: the gate over HTTP", "version": "1",
			"description": "Tools that run at a server of `mythos serve`, once for a key, under capabilities; see docs/gate.md.", "license": members{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"paths":      paths,
		"components": members{"schemas": schemas, "securitySchemes": members{"bearer": members{"type": "http", "scheme": "bearer", "description": "What `mythos cap bearer` prints."}}},
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(doc)
	files[openAPIFile] = b.Bytes()
	return err
}

// replies describes answers, and adds their types to the schemas.
func replies(r *reflector, list []api.Reply, schemas members) members {
	all := members{}
	for _, a := range list {
		s := members{}
		if a.Type != nil {
			name := reflect.TypeOf(a.Type).Name()
			schemas[name], s["$ref"] = r.one(a.Type), "#/components/schemas/"+name
		}
		reply := members{"description": a.Description, "content": members{a.Media: members{"schema": s}}}
		headers := members{}
		for _, h := range a.Headers {
			headers[h] = members{"schema": members{"type": "string"}}
		}
		if len(headers) > 0 {
			reply["headers"] = headers
		}
		all[strconv.Itoa(a.Status)] = reply
	}
	return all
}

package vm

import (
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// DecodeRequest reads the request of a built-in tool: a canonical struct or, as programs make it, a record with the
// struct's fields by their numbers (spec/capabilities.md#effects) [cap-112].
func DecodeRequest[T any](request []byte) (*T, error) {
	if v, err := ParseValue(request); err == nil && v.kind == ValNode && v.node.shape == shapeRecord {
		request = appendPlain(nil, v)
	}
	return object.Decode[T](request)
}

// appendPlain appends a value, with records as maps of their fields and lists as lists.
func appendPlain(dst []byte, v Value) []byte {
	if v.kind != ValNode {
		return v.Append(dst)
	}
	tag := can.TagMap
	if v.node.shape == shapeList {
		tag = can.TagList
	}
	dst = appendHeader(dst, tag, len(v.node.vals))
	for i, item := range v.node.vals {
		if tag == can.TagMap {
			dst = can.AppendUint(dst, uint64(v.node.ids[i]))
		}
		dst = appendPlain(dst, item)
	}
	return dst
}

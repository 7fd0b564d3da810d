package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// maxScopeText is the largest text form of a scope that is read, in bytes.
const maxScopeText = 80 << 10

// String is the command-line text form; Parse reads it back. A scope that
// cannot be decoded prints as "kind N" with its payload in hex.
func (s CapScope) String() string {
	scope, err := s.Decode()
	if err != nil {
		return fmt.Sprintf("kind %d:%x", s.Kind, s.Payload)
	}
	return KindName(s.Kind) + ":" + scope.text()
}

// Parse reads the text form of a scope:
//
//	blob.read:CID[@OFF+LEN]                 @OFF and @+LEN too; OFF and LEN are sizes
//	blob.write:NAMESPACE,max=SIZE[,media=T|T]      max=none; without media: */*
//	blob.pin:CID,ttl=D                      ttl=ever
//	blob.delete:CID
//	tool.call:TOOL[,calls=N][,cost=N][,rate=N/D][,approve=N/ROLE][,eq:/ptr=V][,in:/ptr=V|V][,prefix:/ptr=V]
//	          [,max:/ptr=N][,min:/ptr=N][,closed:/ptr=NAME|NAME]
//	train.run:RECIPE[,jobs=N][,tokens=N][,gpu=D | ,gpu_ms=N]
//	eval.run:SUITE[,runs=N]
//	deploy.promote:RING,policy=P
//	compute.spawn:POOL[,workers=N][,cpu=D][,io=N]
//	cell.read:CELL[,prefix=TEXT|hex:HEX]
//	cell.write:CELL[,events=N][,types=N|N]
//	tools.call:TOOL|TOOL[,calls=N][,cost=N][,rate=N/D][,approve=N/ROLE]
//
// A number that is not given means no limit. A backslash makes the comma, = or | after it an ordinary character. Name
// things by 64 hex digits; any other name goes to resolve with its kind: "blob", "tool", "recipe", "suite", "policy",
// "pool" or "cell" (resolve may be nil).
func Parse(text string, resolve func(kind, name string) (object.Hash, error)) (CapScope, error) {
	if len(text) > maxScopeText {
		return CapScope{}, fmt.Errorf("a scope of %d bytes is too long", len(text))
	}
	name, rest, _ := strings.Cut(text, ":")
	i := slices.IndexFunc(kinds[:], func(k kindInfo) bool { return k.name == name })
	if i < 0 {
		return CapScope{}, fmt.Errorf("scope %q: kind %q is not known (%s are)", text, name, strings.Join(KindNames(), ", "))
	}
	p, err := newParams(rest, resolve)
	if err != nil {
		return CapScope{}, fmt.Errorf("scope %q: %w", text, err)
	}
	scope := kinds[i].parse(p)
	if err := p.end(); err != nil {
		return CapScope{}, fmt.Errorf("scope %q: %w", text, err)
	}
	s, err := New(scope)
	if err != nil {
		return CapScope{}, fmt.Errorf("scope %q: %w", text, err)
	}
	return s, nil
}

package intoto_test

import (
	"testing"

	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/object"
)

// FuzzStatement: an envelope that nobody signed has no statement.
func FuzzStatement(f *testing.F) {
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"x","sig":"AA=="}]}`))
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","PayloadType":"x","payload":"e30=","signatures":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := intoto.OpenStatement(data, object.AgentID{Key: [32]byte{1}}); err == nil {
			t.Fatal("nobody signed it")
		}
		if _, _, err := intoto.Open(data, object.AgentID{Key: [32]byte{1}}); err == nil {
			t.Fatal("nobody signed it")
		}
	})
}

// Package openlineage tells lineage catalogs what was built, trained and promoted, as OpenLineage run events that are
// made only from receipts and the ledger (spec/learning.md#openlineage). The same receipt gives the same events.
// Without a sink, or if it fails, the work continues.
package openlineage

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// The names that occur in every event.
const (
	Producer  = "https://github.com/mythos-project/mythos"
	schema    = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
	namespace = "mythos" // of what is named by the hash of its content, and so the same everywhere

	receiptFacet    = Producer + "/spec/openlineage/v0.2#/$defs/ReceiptRunFacet"
	statisticsFacet = "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet"
)

// The states of a run.
const (
	started   = "START"
	completed = "COMPLETE"
	failed    = "FAIL"
)

type event struct {
	Type     string    `json:"eventType"`
	Time     string    `json:"eventTime"`
	Run      run       `json:"run"`
	Job      name      `json:"job"`
	Inputs   []dataset `json:"inputs"`
	Outputs  []dataset `json:"outputs"`
	Producer string    `json:"producer"`
	Schema   string    `json:"schemaURL"`
}

type run struct {
	ID     string    `json:"runId"`
	Facets runFacets `json:"facets"`
}

type runFacets struct {
	Receipt receipt `json:"mythos_receipt"`
}

// facet is the common part of every facet.
type facet struct {
	Producer string `json:"_producer"`
	Schema   string `json:"_schemaURL"`
}

type receipt struct {
	facet
	ID       object.Hash `json:"receipt_id"`
	Tool     object.Hash `json:"tool_id"`
	Request  object.Hash `json:"request_hash"`
	Response object.Hash `json:"response_hash"`
	Status   uint16      `json:"status"`
	Signer   string      `json:"signer"` // public key in hex
}

type name struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type dataset struct {
	name
	Facets *outputFacets `json:"outputFacets,omitempty"`
}

type outputFacets struct {
	Statistics statistics `json:"outputStatistics"`
}

type statistics struct {
	facet
	Rows uint64 `json:"rowCount"`
}

// thing is anything with a hash: a dataset for readers of events.
func thing(kind string, id object.Hash) dataset {
	return dataset{name: name{namespace, kind + "/" + id.String()}}
}

// work describes what an effect did.
type work struct {
	job             string
	inputs, outputs []dataset
}

// events returns the two lines of a run: that it began, and how it ended.
func events(w work, id object.Hash, r *ledger.Receipt, began object.Time) ([]byte, error) {
	e := event{Type: started, Time: began.String(), Job: name{owned(r.Signer), w.job}, Inputs: w.inputs, Outputs: w.outputs, Producer: Producer, Schema: schema,
		Run: run{runID(id), runFacets{receipt{facet{Producer, receiptFacet}, id, r.ToolID, r.RequestHash, r.ResponseHash, r.Status, r.Signer.KeyHex()}}}}
	if e.Inputs == nil {
		e.Inputs = []dataset{}
	}
	end := e
	end.Time = r.TimeObserved.String()
	if end.Type = completed; r.Status >= 400 {
		end.Type, end.Outputs = failed, []dataset{}
	}
	e.Outputs = []dataset{}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, e := range []event{e, end} {
		if err := enc.Encode(e); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// owned returns the namespace of the names that an agent's repository gives.
func owned(a object.AgentID) string { return namespace + ":" + a.KeyHex() }

// runID returns a UUID of version 8, made from the first bytes of a receipt's id.
func runID(id object.Hash) string {
	b := id.Sum
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

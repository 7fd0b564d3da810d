package datasets

import (
	"fmt"

	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/object"
)

// Queries compile texts to predicates.
func Queries() *vector.Set {
	s := &vector.Set{Class: "queries", About: "texts of queries, the predicates that they compile to, and their ids; where a text is refused, the place"}
	hash := object.SumText("a hash").String()
	for _, text := range []string{
		`true`, `false`, `failed`, `not failed`, `imported`, `true and (false and true)`, `(true or false) or failed`, `true and (false or failed) and true`,
		`status == 200`, `200 == status`, `status != 200`, `status == 500`, `status == 200 or failed`, `status == 200 and not failed`, `not status == 500`, `status == 200 and status == 404`,
		`status in [200, 204]`, `status in [200, 203)`, `status in [300, 300)`, `status in [399, 401)`, `has_status(200)`, `has_status(500) and status == 200`, `not (status == 200 and failed)`,
		`signal.reward == 1`, `signal.reward != 1`, `signal.reward >= 1`, `signal.reward > -1`, `signal.reward < -1`, `signal.value == 1`, `signal.reward == u64(1)`, `signal.reward == i64(1)`,
		`signal.reward in [1, 2]`, `signal.label == "good"`, `signal.label != "good"`, `signal.label in ["good", "bad"]`, `signal.label in ["good", 1]`, `signal.label.digest == "` + hash + `"`,
		`signal.label == "` + hash + `"`, `signal.constraint == hash("` + hash + `")`, `signal.signer == "` + hash + `"`, `signal.time_observed >= 2026-09-21`,
		`episode.time_observed in [2026-09-21, 2026-09-22)`, `episode.time_observed < "2026-09-21T12:00:00Z"`, `episode.context_hash == "` + hash + `"`, `episode.trace_ref.trace_blob.size in [10, 20, 30]`,
		`episode.trace_ref.trace_blob.media == "text/plain"`, `episode[2][1][2] > 5`, `has_tool("wc")`, `has_tool("absent")`, `has_tool("imported:wc")`, `has_tool("wc", "` + hash + `")`,
	} {
		s.Add(text, vector.Fields{"text": text, "tools": []string{"wc"}})
	}
	for _, text := range []string{
		``, `status`, `status > 200`, `status == "200"`, `status == 200.5`, `status in [0, 2000)`, `status in (200, 300)`, `status in [200, 300]]`, `signal.reward in [1, 2)`, `signal.label < "good"`,
		`episode.outcome == 1`, `episode == 1`, `now() == 1`, `has_tool()`, `has_tool(1)`, `episode.time_observed == 5s`, `episode.context_hash == "short"`, "true and\n  nothing", `episode.trace_ref == 1`,
		`len(episode.time_observed) > 1`, `episode.time_observed + 1 == 2`, `true ? true : false`,
	} {
		s.Addf(vector.Fields{"text": text}, "refused: %q", text)
	}
	return s
}

// Splits put ids into parts.
func Splits() *vector.Set {
	s := &vector.Set{Class: "splits", About: "which part of a split an id falls into"}
	ids := []object.Hash{}
	for i := range 12 {
		ids = append(ids, object.SumText(fmt.Sprint("episode ", i)))
	}
	for _, split := range []string{"train=0.9,test=0.1", "train=9,test=1", "a=1,b=1,c=1", "only=1", "none=0,all=1", "a=0.000000001,b=0.999999999", "test=0.1,train=0.9"} {
		s.Add(split, vector.Fields{"split": split, "ids": ids})
	}
	for _, split := range []string{"", "a", "a=", "a=-1", "a=1,a=2", "a=0.1234567891", "a=1e3", "a b=1", "a=0,b=0"} {
		s.Addf(vector.Fields{"split": split, "ids": ids}, "refused: %q", split)
	}
	return s
}

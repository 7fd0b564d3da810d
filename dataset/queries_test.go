package dataset

import (
	"slices"
	"testing"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// TestQueriesSelect runs every operator through Build's selection, over episodes with
// and without receipts, signals and values.
func TestQueriesSelect(t *testing.T) {
	w := newWorld(t)
	day := func(s string) object.Time {
		at, err := object.ParseTime(s)
		w.must(err)
		return at
	}
	wc, bad := w.receipt("wc", 200, "a", "1"), w.receipt("grep", 500, "b", "2")
	ids := []object.Hash{
		0: w.episode(0, "c0", day("2025-12-31T23:59:59.999999Z"), wc),
		1: w.episode(10, "c1", day("2026-01-01"), wc, bad),
		2: w.episode(20, "c1", day("2026-01-31"), bad),
		3: w.episode(30, "c2", day("2026-02-01")),
		4: w.episode(40, "c2", -5),
	}
	w.signal(ids[0], signal.Reward, ir.U64Scalar(1))
	w.signal(ids[1], signal.Reward, ir.I64Scalar(-3))
	w.signal(ids[1], signal.Reward, ir.I64Scalar(7))
	w.signal(ids[1], signal.Label, ir.TextScalar("good"))
	w.signal(ids[2], signal.Label, ir.U64Scalar(5))
	w.signal(ids[2], signal.Constraint, ir.HashScalar(object.SumText("x")))
	w.signal(ids[3], signal.Label, ir.BytesScalar([]byte{0xff}))
	hash, ctx1 := object.SumText("x").String(), object.SumText("c1").String()
	for query, want := range map[string][]int{
		`true`: {0, 1, 2, 3, 4}, `false`: {}, `not true`: {}, `true and false or true`: {0, 1, 2, 3, 4},
		`status == 200`: {0}, `200 == status`: {0}, `status != 200`: {1, 2, 3, 4}, `status in [500, 404]`: {1, 2}, `status in [200, 300)`: {0},
		`has_status(200)`: {0, 1}, `failed`: {1, 2}, `not failed`: {0, 3, 4}, `status in [200, 500]`: {0, 1, 2}, `status == 200 or failed`: {0, 1, 2}, `status == 200 and not status == 404`: {0},
		`not status == 500`: {0, 3, 4}, `not status == 500 and has_tool("wc")`: {0}, `not signal.reward >= 1`: {2, 3, 4}, `not status in [200, 500]`: {3, 4}, `!status == 200`: {1, 2, 3, 4}, `status in []`: {},
		`status in [300, 200)`: {}, `not (status in [200, 300))`: {1, 2, 3, 4}, `status == 200 and status == 500`: {1}, `status not in [200]`: {1, 2, 3, 4},
		`has_tool("wc")`: {0, 1}, `has_tool("` + object.SumText("tool:grep").String() + `")`: {1, 2}, `has_tool("wc") or has_tool("grep")`: {0, 1, 2},
		`episode.trace_ref.trace_blob.size == 10`: {1}, `episode.trace_ref.trace_blob.size != 10`: {0, 2, 3, 4}, `episode.trace_ref.trace_blob.size >= 20`: {2, 3, 4},
		`20 < episode.trace_ref.trace_blob.size`: {3, 4}, `episode.trace_ref.trace_blob.size <= 20`: {0, 1, 2}, `episode.trace_ref.trace_blob.size in [10, 40]`: {1, 4},
		`episode.trace_ref.trace_blob.size in [10, 40)`: {1, 2, 3}, `episode.time_observed in [2026-01-01, 2026-02-01)`: {1, 2},
		`episode.time_observed < "2026-01-01"`: {0, 4}, `episode.time_observed >= 2026-01-31T00:00:00Z`: {2, 3}, `episode.time_observed == -5`: {4},
		`episode.time_observed > 2026-01-31T01:00:00+01:00`: {3},
		`episode.context_hash == "` + ctx1 + `"`:            {1, 2}, `episode.context_hash != "` + ctx1 + `"`: {0, 3, 4},
		`episode.trace_ref.trace_blob.media == "application/mythos.trace"`: {0, 1, 2, 3, 4}, `episode.trace_ref.trace_blob.media != "application/mythos.trace"`: {},
		`episode[5] == -5`: {4}, `episode[2][1][2] == 10`: {1}, `episode[9] == 1`: {}, `episode[9] != 1`: {0, 1, 2, 3, 4}, `episode.trace_ref.trace_blob.encryption.scheme == 1`: {},
		`signal.reward >= 1`: {0, 1}, `signal.reward > 1`: {1}, `signal.reward < 1`: {1}, `signal.reward == 1`: {0}, `signal.reward != 1`: {1, 2, 3, 4}, `signal.reward <= -3`: {1},
		`signal.reward > -1`: {0, 1}, `signal.reward >= -4`: {0, 1}, `signal.reward in [1, 7]`: {0, 1}, `not (signal.reward >= 1)`: {2, 3, 4},
		`signal.reward == i64(1)`: {}, `signal.reward == u64("1")`: {0}, `signal.value == 5`: {2}, `signal.label == 5`: {2}, `signal.reward == 5`: {},
		`signal.label == "good"`: {1}, `signal.label != "good"`: {0, 2, 3, 4}, `signal.label in ["good", 5, "other"]`: {1, 2}, `signal.value_bytes == "ff"`: {3},
		`signal.constraint == "` + hash + `"`: {2}, `signal.constraint == hash("` + hash + `")`: {2}, `signal.value == "` + hash + `"`: {2},
		`signal.signal_type == 3`: {2}, `signal.signer == "` + w.key.Agent().KeyID().String() + `"`: {0, 1, 2, 3}, `signal.signer.hint == "tester"`: {0, 1, 2, 3},
		`signal.signer.key == "` + w.key.Agent().KeyHex() + `"`: {0, 1, 2, 3}, `signal.time_observed == 7 and signal.label == 5`: {2},
		// each comparison picks its own signal
		`signal.reward < 0 and signal.reward > 5`: {1}, `signal.signal_type == 1 and signal.value == "good"`: {1},
	} {
		if got := w.selects(query, ids); !slices.Equal(got, want) {
			t.Errorf("%s: selects %v, expected %v", query, got, want)
		}
	}
}

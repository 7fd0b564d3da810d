package scope

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
)

func parseBlobRead(p *params) Scope {
	s := &BlobRead{}
	cid := p.head
	if at := strings.LastIndexByte(cid, '@'); at > 0 && isSpan(cid[at+1:]) {
		start, length, hasLength := strings.Cut(cid[at+1:], "+")
		cid = cid[:at]
		if start != "" {
			n := p.parsed(start, units.ParseSize)
			s.RangeStart = &n
		}
		if hasLength {
			n := p.parsed(length, units.ParseSize)
			s.RangeLen = &n
		}
	}
	s.CID = p.hash("blob", cid)
	return s
}

// isSpan reports whether s, the text after an @, is a range and not part of a name.
func isSpan(s string) bool { return s != "" && (s[0] == '+' || (s[0] >= '0' && s[0] <= '9')) }

func parseBlobWrite(p *params) Scope {
	s := &BlobWrite{Namespace: p.Plain(p.head), MaxSize: NoLimit64, MediaAllow: []string{"*/*"}}
	switch size, ok := p.take("max"); {
	case !ok:
		p.fail(errors.New("blob.write needs max=SIZE, or max=none"))
	case size != "none":
		s.MaxSize = p.parsed(size, units.ParseSize)
	}
	if media, ok := p.take("media"); ok {
		s.MediaAllow = splitPlain(media, '|')
		for i, m := range s.MediaAllow {
			s.MediaAllow[i] = p.Plain(m)
		}
	} else if p.word("nomedia") {
		s.MediaAllow = []string{}
	}
	return s
}

func parseBlobPin(p *params) Scope {
	s := &BlobPin{CID: p.hash("blob", p.head), TTLus: NoLimit64}
	switch ttl, ok := p.take("ttl"); {
	case !ok:
		p.fail(errors.New("blob.pin needs ttl=DURATION, or ttl=ever"))
	case ttl != "ever":
		s.TTLus = p.parsed(ttl, units.ParseMicros)
	}
	return s
}

func parseBlobDelete(p *params) Scope { return &BlobDelete{CID: p.hash("blob", p.head)} }

func parseToolCall(p *params) Scope {
	s := &ToolCall{ToolID: p.hash("tool", p.head), MaxCalls: uint32(p.number("calls", 32)), Rate: p.rate(), MaxCost: p.cost(), Approve: p.approve()}
	if p.word("noconstraints") {
		s.Constraints = map[string]string{}
	}
	for _, key := range p.keys {
		if _, _, err := cutConstraint(key); err != nil {
			if strings.Contains(key, ":") {
				p.fail(err)
			}
			continue
		}
		value, ok := p.take(key)
		if !ok {
			continue
		}
		if s.Constraints == nil {
			s.Constraints = map[string]string{}
		}
		s.Constraints[key] = p.Plain(value)
	}
	if err := CheckConstraints(s.Constraints); err != nil {
		p.fail(err)
	}
	return s
}

func parseTrainRun(p *params) Scope {
	s := &TrainRun{
		RecipeID:  p.hash("recipe", p.head),
		MaxJobs:   uint32(p.number("jobs", 32)),
		MaxTokens: p.number("tokens", 64),
	}
	if text, ok := p.take("gpu"); ok {
		us := p.parsed(text, units.ParseMicros)
		if us%1000 != 0 {
			p.fail(fmt.Errorf("gpu=%s is not a whole number of milliseconds", text))
		}
		ms := us / 1000
		s.MaxGPUms = &ms
	} else if text, ok := p.take("gpu_ms"); ok {
		ms := NoLimit64
		if text != "none" {
			ms = p.parsed(text, func(t string) (uint64, error) { return strconv.ParseUint(t, 10, 64) })
		}
		s.MaxGPUms = &ms
	}
	return s
}

func parseEvalRun(p *params) Scope {
	return &EvalRun{SuiteID: p.hash("suite", p.head), MaxRuns: uint32(p.number("runs", 32))}
}

func parseDeployPromote(p *params) Scope {
	ring, err := strconv.ParseUint(p.head, 10, 8)
	if err != nil {
		p.fail(fmt.Errorf("ring %q is not a number from 0 to 255", p.head))
	}
	policy, ok := p.take("policy")
	if !ok {
		p.fail(errors.New("deploy.promote needs policy=POLICY"))
	}
	return &DeployPromote{RingID: uint8(ring), PolicyID: p.hash("policy", policy)}
}

func parseComputeSpawn(p *params) Scope {
	s := &ComputeSpawn{
		PoolID:     p.hash("pool", p.head),
		MaxWorkers: uint32(p.number("workers", 32)),
		MaxCPUus:   NoLimit64,
		MaxIO:      uint32(p.number("io", 32)),
	}
	if text, ok := p.take("cpu"); ok {
		s.MaxCPUus = p.parsed(text, units.ParseMicros)
	}
	return s
}

func parseCellRead(p *params) Scope {
	s := &CellRead{CellID: p.hash("cell", p.head)}
	text, ok := p.take("prefix")
	if !ok {
		return s
	}
	text = p.Plain(text)
	digits, isHex := strings.CutPrefix(text, hexMark)
	if !isHex {
		s.KeyPrefix = []byte(text)
		return s
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		p.fail(fmt.Errorf("prefix=%s: %w", text, err))
	}
	s.KeyPrefix = b
	return s
}

func parseCellWrite(p *params) Scope {
	s := &CellWrite{CellID: p.hash("cell", p.head), MaxEvents: uint32(p.number("events", 32))}
	if text, ok := p.take("types"); ok {
		for _, t := range strings.Split(text, "|") {
			n, err := strconv.ParseUint(t, 10, 32)
			if err != nil {
				p.fail(fmt.Errorf("event type %q is not a number of at most 32 bits", t))
			}
			s.EventTypeAllow = append(s.EventTypeAllow, uint32(n))
		}
	} else if p.word("notypes") {
		s.EventTypeAllow = []uint32{}
	}
	return s
}

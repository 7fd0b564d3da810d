package scope

import "strconv"

// limitCost appends the maximum cost of calls, if there is one.
func limitCost(to []Amount, most *uint64) []Amount {
	if most == nil {
		return to
	}
	return limit64(to, Cost, *most)
}

// costText describes the maximum cost where it is no limit: it says so.
func costText(most *uint64) string {
	if most == nil || *most != NoLimit64 {
		return ""
	}
	return ",cost=none"
}

// cost reads the parameter cost=N.
func (p *params) cost() *uint64 {
	text, ok := p.take("cost")
	if !ok {
		return nil
	}
	most := NoLimit64
	if text != "none" {
		most = p.parsed(text, func(t string) (uint64, error) { return strconv.ParseUint(t, 10, 64) })
	}
	return &most
}

package parts

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/store"
)

// Names of the queries about a blob.
const (
	queryProof  = "proof"
	queryOffset = "offset"
	queryLength = "length"
)

// ToEnd is the length of a range to the end of the blob.
const ToEnd uint64 = math.MaxUint64

// span is a range of a blob's bytes.
type span struct{ offset, length uint64 } // length ToEnd: to the end

// query returns the query for the span with proofs.
func (sp span) query() string {
	q := queryProof + "&" + queryOffset + "=" + strconv.FormatUint(sp.offset, 10)
	if sp.length == ToEnd {
		return q
	}
	return q + "&" + queryLength + "=" + strconv.FormatUint(sp.length, 10)
}

// within returns the span as [from, to) of a blob of this size.
func (sp span) within(size uint64) (from, to uint64, err error) {
	if sp.length == ToEnd {
		sp.length = size - min(size, sp.offset)
	}
	if sp.offset > size || sp.length > size-sp.offset {
		return 0, 0, fmt.Errorf("%w: %d bytes from %d of %d", store.ErrRange, sp.length, sp.offset, size)
	}
	return sp.offset, sp.offset + sp.length, nil
}

// parseSpan reads the queries of a request for proofs.
func parseSpan(r *http.Request) (span, error) {
	q := r.URL.Query()
	if q.Get(queryProof) != "" {
		return span{}, fmt.Errorf("%w: the query %q takes no value", peer.ErrMalformed, queryProof)
	}
	sp := span{0, ToEnd}
	for name, to := range map[string]*uint64{queryOffset: &sp.offset, queryLength: &sp.length} {
		if !q.Has(name) {
			continue
		}
		n, ok := digits(q.Get(name))
		if !ok {
			return span{}, fmt.Errorf("%w: the query %q is not a number of bytes", peer.ErrMalformed, name)
		}
		*to = n
	}
	return sp, nil
}

// digits reads a number of bytes below 2^63 that is written in digits only.
func digits(text string) (uint64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 63)
	return n, err == nil
}

// parseRange reads one range of RFC 9110 section 14.1.2 as [from, to) of size bytes, empty if it cannot be satisfied;
// false: it is not a range, or several.
func parseRange(text string, size uint64) (from, to uint64, ok bool) {
	first, last, found := strings.Cut(text, "-")
	if !found {
		return 0, 0, false
	}
	if first == "" {
		n, ok := digits(last)
		return size - min(n, size), size, ok
	}
	if from, ok = digits(first); !ok {
		return 0, 0, false
	}
	if last == "" {
		return min(from, size), size, true
	}
	to, ok = digits(last)
	if !ok || to < from {
		return 0, 0, false
	}
	return min(from, size), min(to+1, size), true
}

// blob answers GET /v1/blobs/CID: the bytes of a blob, with HTTP's ranges and caching; or, with the query proof, the
// chunks of a range with a proof for each.
func (s *Service) blob(w http.ResponseWriter, r *http.Request) {
	cid, err := peer.PathHash(r, "cid")
	sp, proofs := span{}, r.URL.Query().Has(queryProof)
	switch {
	case err != nil:
	case proofs:
		sp, err = parseSpan(r)
	case r.URL.RawQuery != "":
		err = fmt.Errorf("%w: the queries %q and %q go with %q; without it a range is the header Range", peer.ErrMalformed, queryOffset, queryLength, queryProof)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	rd, err := s.reading(w, r, cid)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	switch {
	case !proofs:
		rd.stored()
	case r.Method == http.MethodHead:
		s.door.RefuseAs(w, r, http.StatusBadRequest, fmt.Errorf("%w: proofs are not answered to HEAD", peer.ErrMalformed))
	default:
		rd.proven(sp)
	}
}

package httptool

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter is how long a server asks to wait before another request (RFC 9110 section 10.2.3): a number of seconds,
// or a date, which is compared with the server's own clock if the answer contains it. 0: no wait.
func retryAfter(res *http.Response, now time.Time) time.Duration {
	value := strings.TrimSpace(res.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(seconds) {
		return time.Duration(min(max(seconds, 0), math.MaxInt32) * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if there, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		now = there
	}
	return max(at.Sub(now), 0)
}

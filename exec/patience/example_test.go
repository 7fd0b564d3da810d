package patience_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/exec/patience"
)

// All waits share one limit.
func Example() {
	p := patience.Of(time.Hour)
	_, cancel, ok := p.Limit(context.Background())
	cancel()
	p.Since(time.Now().Add(-2 * time.Hour))
	_, _, more := p.Limit(context.Background())
	fmt.Println(ok, more)
	// Output: true false
}

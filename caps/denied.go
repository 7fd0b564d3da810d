package caps

import (
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/object"
)

// ErrDenied means that a chain does not allow the request. Every refusal is a [*DeniedError].
var ErrDenied = errors.New("denied")

// ErrQuota means that a quota is used up or a rate is exceeded. It is an ErrDenied.
var ErrQuota = fmt.Errorf("%w: quota used up", ErrDenied)

// The checks that a DeniedError names, in the order in which a verifier makes them.
const (
	CheckActive     = "active"     // no capability was shown or is held
	CheckChain      = "chain"      // 1 to 16 links [cap-48]
	CheckForm       = "form"       // canonical bytes, field rules [cap-49]
	CheckID         = "id"         // the id is that of the bytes
	CheckParent     = "parent"     // each link names the next [cap-39]
	CheckSignature  = "signature"  // by the issuer, over the id [cap-50]
	CheckDelegation = "delegation" // the issuer could derive it [cap-41]
	CheckWindow     = "window"     // the window lies in the parent's [cap-43]
	CheckScope      = "scope"      // the scope is a subset; it covers the use [cap-44]
	CheckRevocable  = "revocable"  // revocation_required is not dropped [cap-45]
	CheckTrust      = "trust"      // the root's issuer [cap-52]
	CheckTime       = "time"       // now lies in the window [cap-53]
	CheckRevocation = "revocation" // the revocation lists [cap-54]
	CheckHolder     = "holder"     // the subject [cap-55]
	CheckQuota      = "quota"      // enough left [cap-57]
	CheckRate       = "rate"       // not too often
	CheckFrozen     = "frozen"     // nobody has frozen it
	CheckApproval   = "approval"   // people have agreed to it
)

// DeniedError is a refusal: the first link that fails, and the failed check.
type DeniedError struct {
	Check    string        // one of the Check constants
	Cap      object.Hash   // the link at fault; zero when the chain is empty or the bytes have no id
	Link     int           // its place in the chain, 0 is the leaf
	Reason   string        // what is wrong
	Help     string        // the remedy; may be empty
	Wait     time.Duration // for a rate: how long until the use is allowed
	Approval object.Hash   // for an approval: the request that waits; zero: none
	Until    object.Time   // when that request expires
	Err      error         // the cause, such as sign.ErrSignature; may be nil
}

// Error names the check, the link and the reason. It leaves the help to the caller.
func (e *DeniedError) Error() string {
	of := ""
	if !e.Cap.IsZero() {
		of = " of capability " + e.Cap.Short()
	}
	if e.Err == nil {
		return fmt.Sprintf("denied: %s%s: %s", e.Check, of, e.Reason)
	}
	return fmt.Sprintf("denied: %s%s: %s: %v", e.Check, of, e.Reason, e.Err)
}

// Unwrap gives ErrDenied, or ErrQuota, and the cause.
func (e *DeniedError) Unwrap() []error {
	errs := []error{ErrDenied}
	if e.Check == CheckQuota || e.Check == CheckRate {
		errs[0] = ErrQuota
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// deny refuses the chain because of link i.
func (c Chain) deny(i int, check, reason, help string) *DeniedError {
	return &DeniedError{Check: check, Cap: c[i].ID, Link: i, Reason: reason, Help: help}
}

func (e *DeniedError) because(err error) *DeniedError {
	e.Err = err
	return e
}

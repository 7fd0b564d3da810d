package packet

import "errors"

// The errors of a packet, one for each step of receiving it.
var (
	ErrFraming   = errors.New("packet: malformed framing")                                               // [wire-17]
	ErrCodebook  = errors.New("packet: codebook is neither the baseline nor negotiated with the sender") // [wire-20]
	ErrDecode    = errors.New("packet: payload cannot be decoded")                                       // [wire-21]
	ErrSignature = errors.New("packet: a signature does not verify")                                     // [wire-18]
	ErrUntrusted = errors.New("packet: nobody who is trusted has signed it")                             // [wire-19]
	ErrReplay    = errors.New("packet: it was received before")                                          // [wire-25]
	ErrExpired   = errors.New("packet: it has expired")                                                  // [wire-24]
	ErrGuard     = errors.New("packet: no valid replay guard")                                           // [wire-23]
	ErrPayload   = errors.New("packet: the bundle is refused")                                           // [wire-22]
)

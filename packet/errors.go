package packet

import "errors"

// What may be wrong with a packet, one for each step of receiving it.
var (
	ErrFraming   = errors.New("packet: malformed framing")
	ErrCodebook  = errors.New("packet: codebook is neither the baseline nor negotiated with the sender")
	ErrDecode    = errors.New("packet: payload cannot be decoded")
	ErrSignature = errors.New("packet: a signature does not verify")
	ErrUntrusted = errors.New("packet: nobody who is trusted has signed it")
	ErrReplay    = errors.New("packet: it was received before")
	ErrExpired   = errors.New("packet: it has expired")
	ErrGuard     = errors.New("packet: no valid replay guard")
	ErrPayload   = errors.New("packet: the bundle is refused")
)

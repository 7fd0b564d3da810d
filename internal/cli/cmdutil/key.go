package cmdutil

import "errors"

// Key is an idempotency key as a flag. An empty value is refused: usually it comes from an unset variable, and without
// its key an effect would happen repeatedly.
type Key string

// Set implements pflag.Value.
func (k *Key) Set(text string) error {
	if text == "" {
		return errors.New("the key is empty: is its variable set? Leave --key out if the call may happen again")
	}
	*k = Key(text)
	return nil
}

// String implements pflag.Value.
func (k *Key) String() string { return string(*k) }

// Type implements pflag.Value.
func (k *Key) Type() string { return "string" }

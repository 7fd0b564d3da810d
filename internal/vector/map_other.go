//go:build !unix

package vector

import "os"

func mapFile(name string) (data []byte, done func() error, err error) {
	data, err = os.ReadFile(name)
	return data, func() error { return nil }, err
}

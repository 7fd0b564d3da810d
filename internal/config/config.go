// Package config reads the settings of mythos: flags over MYTHOS_* variables over
// .mythos/config.yaml over the user's config. It is the only importer of viper.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// Config is what can be set.
type Config struct {
	Lease   time.Duration // how long an effect's owner may take before others can take over
	Timeout time.Duration // limit of one tool call, where the tool sets none
	Busy    time.Duration // how long to wait for a database that another process holds
	Capture bool          // keep the request bytes of effects, for datasets and replay
	Listen  string        // address of `mythos serve`
	// What `mythos serve` lets one peer do: requests and bytes a second (0 bytes: no limit),
	// and tasks that wait or run.
	PeerRate  float64
	PeerBytes string // a size: 64KiB, 10MiB
	PeerTasks int
	// PeerCap: `mythos serve` demands capabilities of those who are trusted for packets, too.
	PeerCap bool
	// Redact is a file of redaction rules, relative to the .mythos folder: without them no
	// dataset leaves. RequireCap keeps the owner from building and exporting datasets
	// without a capability that was issued for it.
	Redact     string
	RequireCap bool
	Key        string // MYTHOS_KEY: a seed in hex or a path, for CI
}

// Defaults holds the values of settings that nobody set.
var Defaults = map[string]any{
	"lease":       "1m",
	"timeout":     "5m",
	"busy":        "10s",
	"capture":     false,
	"listen":      "127.0.0.1:7480",
	"key":         "",
	"peer_rate":   50.0,
	"peer_bytes":  "0",
	"peer_tasks":  16,
	"peer_cap":    false,
	"redact":      "",
	"require_cap": false,
}

// File is the name of the settings file inside a repository.
const File = "config.yaml"

// Load reads the settings for the repository at dir (its .mythos folder), or
// without a repository when dir is empty.
func Load(dir string) (*Config, error) {
	v := viper.New()
	for key, value := range Defaults {
		v.SetDefault(key, value)
	}
	v.SetEnvPrefix("MYTHOS")
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_", "-", "_"))
	v.AutomaticEnv()
	if user, err := os.UserConfigDir(); err == nil {
		if err := merge(v, filepath.Join(user, "mythos", File)); err != nil {
			return nil, err
		}
	}
	if dir != "" {
		if err := merge(v, filepath.Join(dir, File)); err != nil {
			return nil, err
		}
	}
	return &Config{
		Lease:      v.GetDuration("lease"),
		Timeout:    v.GetDuration("timeout"),
		Busy:       v.GetDuration("busy"),
		Capture:    v.GetBool("capture"),
		Listen:     v.GetString("listen"),
		Key:        v.GetString("key"),
		PeerRate:   v.GetFloat64("peer_rate"),
		PeerBytes:  v.GetString("peer_bytes"),
		PeerTasks:  v.GetInt("peer_tasks"),
		PeerCap:    v.GetBool("peer_cap"),
		Redact:     v.GetString("redact"),
		RequireCap: v.GetBool("require_cap"),
	}, nil
}

func merge(v *viper.Viper, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	v.SetConfigType("yaml")
	if err := v.MergeConfig(f); err != nil {
		return fmt.Errorf("config %s: %w", path, err)
	}
	return nil
}

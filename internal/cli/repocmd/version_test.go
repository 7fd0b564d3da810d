package repocmd

import (
	"runtime/debug"
	"testing"
)

// A release reports what the linker was given; any other build what the go command knew.
func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3-pre"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}}
	for _, c := range []struct {
		linked          [2]string
		info            *debug.BuildInfo
		version, commit string
	}{
		{[2]string{"", ""}, info, "v1.2.3-pre", "abc"},
		{[2]string{"1.2.3", "def"}, info, "1.2.3", "def"},
		{[2]string{"1.2.3", "def"}, nil, "1.2.3", "def"},
		{[2]string{"", ""}, &debug.BuildInfo{}, "(devel)", ""},
		{[2]string{"", ""}, nil, "(devel)", ""},
	} {
		version, commit = c.linked[0], c.linked[1]
		if v := versionOf(c.info, c.info != nil); v.Version != c.version || v.Commit != c.commit || v.Go == "" {
			t.Errorf("%+v gives %+v", c, v)
		}
	}
	version, commit = "", ""
}

package quickstart

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/ui"
)

func TestScripts(t *testing.T) {
	for name, source := range map[string]string{"tour.sh": tour, "full.sh": full} {
		steps := parse(source)
		var whole []string
		for _, s := range steps {
			whole = append(whole, s.text+s.command)
		}
		if strings.Join(whole, "\n")+"\n" != source {
			t.Errorf("%s: its steps are not the whole of it", name)
		}
		if steps.commands() < 20 {
			t.Errorf("%s: %d commands", name, steps.commands())
		}
		for line := range strings.Lines(source) {
			if len(strings.TrimPrefix(line, "## ")) > 79 { // with its line end; "$ " is printed before it
				t.Errorf("%s: too wide for a terminal: %s", name, line)
			}
		}
		for _, text := range []string{source, steps.playable(&ui.Streams{})} {
			if msg, err := exec.Command("sh", "-n", "-c", text).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, msg)
			}
		}
	}
}

func TestPlayable(t *testing.T) {
	const source = "## Part\n\n# It's so.\ntext=\"it's\"\ncat <<END\n  $text\n\nEND\necho a \\\n  b\n! true || exit 3\nfalse\necho never\n"
	const shown = "Part\n\n# It's so.\n$ text=\"it's\"\n$ cat <<END\n>   $text\n> \n> END\n  it's\n\n$ echo a \\\n>   b\na b\n$ ! true || exit 3\n"
	steps := parse(source)
	if n := steps.commands(); n != 6 {
		t.Errorf("%d commands", n)
	}
	out, err := exec.Command("sh", "-c", steps.playable(&ui.Streams{})).CombinedOutput()
	if string(out) != shown || err == nil || err.Error() != "exit status 3" {
		t.Errorf("%v\n%s", err, out)
	}
}

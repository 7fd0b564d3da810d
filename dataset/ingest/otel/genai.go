package otel

import (
	"encoding/json"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// spanKind is what a span tells of.
type spanKind uint8

const (
	notGen    spanKind = iota
	modelCall          // a call of a model
	toolCall           // a call of a tool
	wrapper            // an agent, a chain or a workflow: a model call only where none is inside
	otherGen           // an embedding, a retrieval: neither asks nor answers
)

// The conventions that are read: those of OpenTelemetry for generative AI in all published
// versions (gen_ai.*), OpenInference (openinference.*, llm.*), OpenLLMetry (traceloop.*,
// gen_ai.prompt.N.*) and the AI SDK for JavaScript (ai.*).
var genPrefixes = []string{"gen_ai.", "openinference.", "traceloop.", "llm.", "ai.operationId", "ai.toolCall."}

// operations are the values of gen_ai.operation.name.
var operations = map[string]spanKind{"chat": modelCall, "text_completion": modelCall, "generate_content": modelCall, "completion": modelCall,
	"execute_tool": toolCall, "embeddings": otherGen, "retrieval": otherGen, "invoke_agent": wrapper, "create_agent": otherGen, "invoke_workflow": wrapper}

// Kinds of the other conventions.
var (
	inferenceKinds = map[string]spanKind{"LLM": modelCall, "TOOL": toolCall, "CHAIN": wrapper, "AGENT": wrapper, "RETRIEVER": otherGen, "RERANKER": otherGen,
		"EMBEDDING": otherGen, "GUARDRAIL": wrapper, "EVALUATOR": wrapper, "PROMPT": otherGen}
	traceloopKinds = map[string]spanKind{"tool": toolCall, "workflow": wrapper, "task": wrapper, "agent": wrapper}
	requestTypes   = map[string]spanKind{"chat": modelCall, "completion": modelCall, "embedding": otherGen, "rerank": otherGen}
)

// kindOfSpan tells what a span is, by its attributes.
func kindOfSpan(s *genSpan) spanKind {
	if op, ok := s.attrs.text("gen_ai.operation.name"); ok {
		if k, known := operations[op]; known {
			return k
		}
	}
	if kind, ok := s.attrs.text("openinference.span.kind"); ok {
		if k, known := inferenceKinds[strings.ToUpper(kind)]; known {
			return k
		}
	}
	if kind, ok := s.attrs.text("traceloop.span.kind"); ok {
		if k, known := traceloopKinds[kind]; known {
			return k
		}
	}
	if kind, ok := s.attrs.text("llm.request.type"); ok {
		if k, known := requestTypes[kind]; known {
			return k
		}
	}
	if id, ok := s.attrs.text("ai.operationId"); ok {
		return sdkKind(id)
	}
	if _, ok := s.attrs.text("gen_ai.tool.name"); ok {
		return toolCall
	}
	for _, m := range s.attrs.Fields {
		for _, prefix := range genPrefixes {
			if strings.HasPrefix(m.Name, prefix) {
				return modelCall
			}
		}
	}
	for _, e := range s.events {
		if strings.HasPrefix(e.name, "gen_ai.") {
			return modelCall
		}
	}
	return notGen
}

func sdkKind(id string) spanKind {
	switch {
	case strings.HasSuffix(id, ".doGenerate"), strings.HasSuffix(id, ".doStream"):
		return modelCall
	case id == "ai.toolCall":
		return toolCall
	case strings.HasPrefix(id, "ai.embed"):
		return otherGen
	}
	return wrapper
}

// Where the parts of a call stand: names of attributes, those first that tell more.
var (
	requestPlaces  = []string{"gen_ai.input.messages", "ai.prompt.messages", "gen_ai.prompt", "gen_ai.content.prompt", "ai.prompt"}
	responsePlaces = []string{"gen_ai.output.messages", "gen_ai.completion", "gen_ai.content.completion", "ai.response.text"}
	// Those of them that are messages in JSON, and nothing else.
	messageTexts = []string{"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "ai.prompt.messages", "ai.response.toolCalls"}
	// Of spans whose kind is known only.
	anyInput  = []string{"traceloop.entity.input", "input.value"}
	anyOutput = []string{"traceloop.entity.output", "output.value"}

	toolRequest  = append([]string{"gen_ai.tool.call.arguments", "gen_ai.tool.arguments", "ai.toolCall.args", "tool.parameters"}, anyInput...)
	toolResponse = append([]string{"gen_ai.tool.call.result", "gen_ai.tool.message", "ai.toolCall.result"}, anyOutput...)

	toolNames = []string{"gen_ai.tool.name", "ai.toolCall.name", "tool.name", "tool_call.function.name", "traceloop.entity.Name"}
	toolIDs   = []string{"gen_ai.tool.call.id", "ai.toolCall.id", "tool_call.id", "tool.id"}

	modelNames        = []string{"gen_ai.request.model", "llm.model_name", "llm.request.model", "ai.model.id"}
	responseModels    = []string{"gen_ai.response.model", "llm.response.model", "ai.response.model"}
	finishPlaces      = []string{"gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "llm.finish_reason", "llm.response.finish_reason", "ai.response.finishReason"}
	responseIDs       = []string{"gen_ai.response.id", "llm.response.id", "ai.response.id"}
	conversations     = []string{"gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id", "ai.telemetry.metadata.sessionId"}
	systemPlaces      = []string{"gen_ai.system_instructions"}
	definitionPlaces  = []string{"gen_ai.tool.definitions", "gen_ai.request.tools", "ai.prompt.tools"}
	usagePrefixes     = []string{"gen_ai.usage.", "llm.usage.", "llm.token_count.", "ai.usage."}
	sdkCallPlaces     = []string{"ai.response.toolCalls"}
	contentAttributes = "gen_ai.input.messages, gen_ai.prompt, llm.input_messages, events gen_ai.*.message, and what they answer"
)

// taken finds content in a span and remembers which attributes and events it stood in, so
// that the rest can be kept as it is.
type taken struct {
	s      *genSpan
	attrs  map[string]bool
	events map[int]bool
}

func take(s *genSpan) *taken { return &taken{s, map[string]bool{}, map[int]bool{}} }

// text is the first of some attributes that the span has, or that an event of it has; an
// event of that name counts with its content.
func (t *taken) text(names ...string) ([]byte, bool) {
	for _, name := range names {
		if text, ok := t.s.attrs.content(name); ok {
			t.attrs[name] = true
			return text, true
		}
		for i, e := range t.s.events {
			if text, ok := e.attrs.content(name); ok {
				t.events[i] = true
				return text, true
			}
			if text, ok := e.attrs.content("content", "gen_ai.event.content", "message"); ok && e.name == name {
				t.events[i] = true
				return text, true
			}
		}
	}
	return nil, false
}

// value is text as JSON; nil where there is none. What is JSON stands there as it is.
func (t *taken) value(names ...string) json.RawMessage {
	text, ok := t.text(names...)
	if !ok {
		return nil
	}
	return asJSON(text)
}

// asJSON is a text that is a JSON object or list as it is, and any other as a JSON string;
// bytes that are no text are base64.
func asJSON(text []byte) json.RawMessage {
	if k := jsontext.Kind(text); (k == '{' || k == '[') && jsontext.Check(text) == nil {
		return jsontext.Compact(text)
	}
	return jsontext.Text(legible(text))
}

// first is the text of the first of some attributes of the span or its events.
func (t *taken) first(names ...string) string {
	text, _ := t.text(names...)
	return legible(text)
}

package otel

import (
	"encoding/json"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// spanKind is the kind of a span.
type spanKind uint8

const (
	notGen    spanKind = iota
	modelCall          // a call of a model
	toolCall           // a call of a tool
	wrapper            // an agent, a chain or a workflow: a model call only if none is inside
	otherGen           // an embedding, a retrieval: neither question nor answer
)

// The supported conventions: those of OpenTelemetry for generative AI in all published versions (gen_ai.*),
// OpenInference (openinference.*, llm.*), OpenLLMetry (traceloop.*, gen_ai.prompt.N.*) and the AI SDK for JavaScript
// (ai.*).
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

// kindOfSpan returns the kind of a span, from its attributes.
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

// Names of the attributes with the parts of a call, the more informative ones first.
var (
	requestPlaces  = []string{"gen_ai.input.messages", "ai.prompt.messages", "gen_ai.prompt", "gen_ai.content.prompt", "ai.prompt"}
	responsePlaces = []string{"gen_ai.output.messages", "gen_ai.completion", "gen_ai.content.completion", "ai.response.text"}
	// Those that are always messages in JSON.
	messageTexts = []string{"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "ai.prompt.messages", "ai.response.toolCalls"}
	// For spans of which only the kind is known.
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

// taken finds content in a span and remembers the attributes and events that it came from, so that the rest can be
// stored unchanged.
type taken struct {
	s      *genSpan
	attrs  map[string]bool
	events map[int]bool
}

func take(s *genSpan) *taken { return &taken{s, map[string]bool{}, map[int]bool{}} }

// text is the first of some attributes that the span or one of its events has; an event with that name counts with its
// content.
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

// value is text as JSON; nil if there is none. JSON stays unchanged.
func (t *taken) value(names ...string) json.RawMessage {
	text, ok := t.text(names...)
	if !ok {
		return nil
	}
	return asJSON(text)
}

// asJSON returns a JSON object or list unchanged, and any other text as a JSON string; bytes that are not text become
// base64.
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

package governance

import (
	"context"

	"ringfence.dev/ringfence/internal/a2a"
)

// Cards makes of an agent's card the one that callers get.
type Cards interface {
	// Extended returns an extended card, given as the agent sent it, with every address on the mesh. An error means that
	// it is no card.
	Extended(x *Exchange, card []byte) ([]byte, error)
	// ExtendedGRPC does the same for a card in protobuf.
	ExtendedGRPC(x *Exchange, message []byte) ([]byte, error)
}

// extendedCardStage gives an extended card in an answer the same treatment as a public one: an address of the agent's
// own in it would lead callers past the mesh.
type extendedCardStage struct {
	cards Cards
}

func (s extendedCardStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Answer.Kind != a2a.AnswerCard {
		return noCard(x)
	}
	if s.cards == nil {
		return deny(BadAnswer, GatewaySide, "card-ungoverned", "the mesh does not serve extended cards")
	}
	var err error
	if x.Binding == a2a.GRPC {
		x.Rewritten, err = s.cards.ExtendedGRPC(x, x.Unit)
	} else {
		var card []byte
		if card, err = s.cards.Extended(x, x.Unit[x.Answer.Card.Start:x.Answer.Card.End]); err == nil {
			x.Rewritten = a2a.ReplaceCard(x.Unit, x.Answer, card)
		}
	}
	if err != nil {
		v := invalidCard()
		v.Evidence = []string{err.Error()}
		return v
	}
	return allow()
}

func invalidCard() Verdict {
	return deny(BadAnswer, CalleeSide, "card-invalid", "the agent's extended card is not valid")
}

// noCard judges an answer that is no card to the mesh. To a caller who asked for one, a success is a card whatever else
// is in it, unless it is an error of JSON-RPC.
func noCard(x *Exchange) Verdict {
	failed := x.Reply.Status >= 400 || x.Answer.Kind == a2a.AnswerEmpty || x.Answer.Kind == a2a.AnswerError && x.Binding == a2a.JSONRPC
	asked := x.Operation.Method == a2a.GetExtendedAgentCard || x.Operation.Method == a2a.GetAgentCard
	if asked && !failed {
		return invalidCard()
	}
	return allow()
}

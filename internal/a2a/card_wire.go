package a2a

// The AgentCard in an answer, both generations in one.
var (
	agentExtension = open(noSubject,
		rule{name: "uri", kind: KindID},
		rule{name: "description"},
		rule{name: "required"},
		rule{name: "params"},
	)
	agentSkill = open(noSubject,
		rule{name: "id", kind: KindID},
		rule{name: "name"},
		rule{name: "description"},
		rule{name: "tags"},
		rule{name: "examples"},
		rule{name: "inputModes", elements: &rule{kind: KindMedia}},
		rule{name: "outputModes", elements: &rule{kind: KindMedia}},
		rule{name: "security"},
		rule{name: "securityRequirements"},
	)
	agentInterface = open(noSubject,
		rule{name: "url", kind: KindURL},
		rule{name: "protocolBinding", kind: KindID},
		rule{name: "transport", kind: KindID},
		rule{name: "tenant", kind: KindID},
		rule{name: "protocolVersion", kind: KindID},
	)
	agentCapabilities = open(noSubject,
		rule{name: "streaming"},
		rule{name: "pushNotifications"},
		rule{name: "stateTransitionHistory"},
		rule{name: "extendedAgentCard"},
		rule{name: "extensions", elements: &rule{members: agentExtension}},
	)
	cardSignature = open(noSubject, rule{name: "protected", kind: KindID}, rule{name: "signature", kind: KindID}, rule{name: "header"})
	oauthFlow     = open(noSubject,
		rule{name: "authorizationUrl", kind: KindURL},
		rule{name: "deviceAuthorizationUrl", kind: KindURL},
		rule{name: "tokenUrl", kind: KindURL},
		rule{name: "refreshUrl", kind: KindURL},
		rule{name: "scopes"},
		rule{name: "pkceRequired"},
	)
	oauthFlows = open(noSubject,
		rule{name: "authorizationCode", members: oauthFlow},
		rule{name: "clientCredentials", members: oauthFlow},
		rule{name: "deviceCode", members: oauthFlow},
		rule{name: "implicit", members: oauthFlow},
		rule{name: "password", members: oauthFlow},
	)
	schemeRules = []rule{
		{name: "type", kind: KindID},
		{name: "description"},
		{name: "name", kind: KindID},
		{name: "in", kind: KindID},
		{name: "location", kind: KindID},
		{name: "scheme", kind: KindID},
		{name: "bearerFormat", kind: KindID},
		{name: "flows", members: oauthFlows},
		{name: "oauth2MetadataUrl", kind: KindURL},
		{name: "openIdConnectUrl", kind: KindURL},
	}
	schemeMembers = open(noSubject, schemeRules...)
	// 1.0 wraps a scheme into a member that says which it is; 0.3 writes its members next to a type.
	securityScheme = open(noSubject, union(schemeRules, []rule{
		{name: "apiKeySecurityScheme", members: schemeMembers},
		{name: "httpAuthSecurityScheme", members: schemeMembers},
		{name: "oauth2SecurityScheme", members: schemeMembers},
		{name: "openIdConnectSecurityScheme", members: schemeMembers},
		{name: "mtlsSecurityScheme", members: schemeMembers},
	})...)
	cardRules = []rule{
		{name: "name"},
		{name: "description"},
		{name: "url", kind: KindURL},
		{name: "documentationUrl", kind: KindURL},
		{name: "iconUrl", kind: KindURL},
		{name: "version", kind: KindID},
		{name: "protocolVersion", kind: KindID},
		{name: "preferredTransport", kind: KindID},
		{name: "provider", members: open(noSubject, rule{name: "organization"}, rule{name: "url", kind: KindURL})},
		{name: "supportedInterfaces", elements: &rule{members: agentInterface}},
		{name: "additionalInterfaces", elements: &rule{members: agentInterface}},
		{name: "capabilities", members: agentCapabilities},
		{name: "defaultInputModes", elements: &rule{kind: KindMedia}},
		{name: "defaultOutputModes", elements: &rule{kind: KindMedia}},
		{name: "skills", slot: inContent, elements: &rule{members: agentSkill}},
		{name: "security"},
		{name: "securityRequirements"},
		{name: "securitySchemes", members: &shape{open: true, others: &rule{members: securityScheme}}},
		{name: "signatures", elements: &rule{members: cardSignature}},
		{name: "supportsAuthenticatedExtendedCard"},
	}
)

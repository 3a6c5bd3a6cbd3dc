// A department with SmallRye Reactive Messaging (the library in Quarkus), as its users write one:
// nothing here knows of a gateway but that an answer may carry its HTTP status in ce_httpstatus.

import io.smallrye.reactive.messaging.kafka.api.IncomingKafkaRecordMetadata;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import io.vertx.core.json.JsonObject;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.Outgoing;
import org.jboss.weld.environment.se.Weld;

@ApplicationScoped
public class Department {

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String topic = arguments[1];
        configure(
                "incoming.requests",
                Map.of(
                        "bootstrap.servers", bootstrap,
                        "topic", topic,
                        "group.id", topic,
                        "auto.offset.reset", "earliest",
                        "value.deserializer", StringDeserializer.class.getName()));
        configure(
                "outgoing.replies",
                Map.of(
                        "bootstrap.servers", bootstrap,
                        "value.serializer", StringSerializer.class.getName()));
        try (var container = new Weld().addBeanClass(Department.class).initialize()) {
            System.out.println("ready");
            System.in.read();
        }
    }

    private static void configure(String channel, Map<String, String> settings) {
        String prefix = "mp.messaging." + channel + ".";
        System.setProperty(prefix + "connector", "smallrye-kafka");
        settings.forEach((name, value) -> System.setProperty(prefix + name, value));
    }

    @Incoming("requests")
    @Outgoing("replies")
    public Message<String> account(Message<String> message) {
        var asked = new JsonObject(message.getPayload());
        if (asked.getString("subject").isEmpty()) {
            return refusal(message);
        }
        var headers = message.getMetadata(IncomingKafkaRecordMetadata.class).orElseThrow().getHeaders();
        var account = new JsonObject()
                .put("subject", asked.getString("subject"))
                .put("monthsPaid", 214)
                .put("method", text(headers, "ce_httpmethod"))
                .put("path", text(headers, "ce_httppath"))
                .put("query", text(headers, "ce_httpquery"));
        return message.withPayload(account.encode());
    }

    private static Message<String> refusal(Message<String> message) {
        var status = new RecordHeaders().add("ce_httpstatus", "404".getBytes(StandardCharsets.UTF_8));
        return message.withPayload("{\"error\":\"no account\"}")
                .addMetadata(OutgoingKafkaRecordMetadata.builder().withHeaders(status).build());
    }

    private static String text(Headers headers, String name) {
        return new String(headers.lastHeader(name).value(), StandardCharsets.UTF_8);
    }
}

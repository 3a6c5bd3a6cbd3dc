// A department with Spring for Apache Kafka, as its users write one: nothing here knows of a gateway
// but that an answer may carry its HTTP status in the header ce_httpstatus.

import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.KafkaListenerErrorHandler;
import org.springframework.kafka.support.converter.StringJsonMessageConverter;
import org.springframework.kafka.support.serializer.JsonSerializer;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.handler.annotation.SendTo;
import org.springframework.messaging.support.MessageBuilder;

@EnableKafka
@Configuration(proxyBeanMethods = false)
public class Department {

    public record Asked(String subject) {}

    public record Account(String subject, int monthsPaid, String method, String path, String query) {}

    public static void main(String[] arguments) throws Exception {
        System.setProperty("bootstrap", arguments[0]);
        System.setProperty("topic", arguments[1]);
        try (var context = new AnnotationConfigApplicationContext(Department.class)) {
            System.out.println("ready");
            System.in.read();
        }
    }

    @KafkaListener(topics = "${topic}", groupId = "${topic}", errorHandler = "refusal")
    @SendTo
    public Account account(
            @Payload Asked asked,
            @Header("ce_httpmethod") String method,
            @Header("ce_httppath") String path,
            @Header("ce_httpquery") String query) {
        if (asked.subject().isEmpty()) {
            throw new NoSuchElementException("no account");
        }
        return new Account(asked.subject(), 214, method, path, query);
    }

    @Bean
    KafkaListenerErrorHandler refusal() {
        return (message, exception) ->
                MessageBuilder.withPayload(Map.of("error", exception.getCause().getMessage()))
                        .setHeader("ce_httpstatus", "404")
                        .build();
    }

    @Bean
    ConcurrentKafkaListenerContainerFactory<String, String> kafkaListenerContainerFactory(
            @Value("${bootstrap}") String bootstrap) {
        var consumers = new DefaultKafkaConsumerFactory<>(
                Map.<String, Object>of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest"),
                new StringDeserializer(),
                new StringDeserializer());
        var producers = new DefaultKafkaProducerFactory<String, Object>(
                Map.of("bootstrap.servers", bootstrap), new StringSerializer(), new JsonSerializer<>());
        var factory = new ConcurrentKafkaListenerContainerFactory<String, String>();
        factory.setConsumerFactory(consumers);
        factory.setRecordMessageConverter(new StringJsonMessageConverter());
        factory.setReplyTemplate(new KafkaTemplate<>(producers));
        return factory;
    }
}

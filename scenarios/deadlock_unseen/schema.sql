create table stock (
    id integer primary key,
    amount integer not null
);

insert into stock (id, amount) values (1, 10);

create table customer (
    id integer primary key,
    email text not null,
    reported boolean not null default false
);

insert into customer (id, email) values (1, 'ann@example.org'), (2, 'ben@example.org'), (3, 'cleo@example.org');

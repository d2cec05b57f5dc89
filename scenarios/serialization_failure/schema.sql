create table doctor (
    name text primary key,
    on_call boolean not null
);

insert into doctor (name, on_call) values ('ann', true), ('ben', true);

create table today (patients integer not null);

insert into today values (0);
